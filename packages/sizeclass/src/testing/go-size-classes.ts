/**
 * The size classes that Go's own generator prints (internal/runtime/gc/sizeclasses.go), and what Go's runtime makes of
 * them on a machine with pointers of 4 bytes. Facts about Go, typed in; nothing here is computed by this package.
 */

/** One line of Go's table. */
export interface GoRow {
  readonly class: number;
  readonly size: number;
  readonly span: number;
  readonly pages: number;
  readonly objects: number;
  readonly tailWaste: number;
  /** In per cent, with two decimals, as printed. */
  readonly maxWaste: string;
  readonly minAlign: number;
}

const TABLE = `
class   size   span  pages  objs  tail  waste  align
    1      8   8192      1  1024     0  87.50      8
    2     16   8192      1   512     0  43.75     16
    3     24   8192      1   341     8  29.24      8
    4     32   8192      1   256     0  21.88     32
    5     48   8192      1   170    32  31.52     16
    6     64   8192      1   128     0  23.44     64
    7     80   8192      1   102    32  19.07     16
    8     96   8192      1    85    32  15.95     32
    9    112   8192      1    73    16  13.56     16
   10    128   8192      1    64     0  11.72    128
   11    144   8192      1    56   128  11.82     16
   12    160   8192      1    51    32   9.73     32
   13    176   8192      1    46    96   9.59     16
   14    192   8192      1    42   128   9.25     64
   15    208   8192      1    39    80   8.12     16
   16    224   8192      1    36   128   8.15     32
   17    240   8192      1    34    32   6.62     16
   18    256   8192      1    32     0   5.86    256
   19    288   8192      1    28   128  12.16     32
   20    320   8192      1    25   192  11.80     64
   21    352   8192      1    23    96   9.88     32
   22    384   8192      1    21   128   9.51    128
   23    416   8192      1    19   288  10.71     32
   24    448   8192      1    18   128   8.37     64
   25    480   8192      1    17    32   6.82     32
   26    512   8192      1    16     0   6.05    512
   27    576   8192      1    14   128  12.33     64
   28    640   8192      1    12   512  15.48    128
   29    704   8192      1    11   448  13.93     64
   30    768   8192      1    10   512  13.94    256
   31    896   8192      1     9   128  15.52    128
   32   1024   8192      1     8     0  12.40   1024
   33   1152   8192      1     7   128  12.41    128
   34   1280   8192      1     6   512  15.55    256
   35   1408  16384      2    11   896  14.00    128
   36   1536   8192      1     5   512  14.00    512
   37   1792  16384      2     9   256  15.57    256
   38   2048   8192      1     4     0  12.45   2048
   39   2304  16384      2     7   256  12.46    256
   40   2688   8192      1     3   128  15.59    128
   41   3072  24576      3     8     0  12.47   1024
   42   3200  16384      2     5   384   6.22    128
   43   3456  24576      3     7   384   8.83    128
   44   4096   8192      1     2     0  15.60   4096
   45   4864  24576      3     5   256  16.65    256
   46   5376  16384      2     3   256  10.92    256
   47   6144  24576      3     4     0  12.48   2048
   48   6528  32768      4     5   128   6.23    128
   49   6784  40960      5     6   256   4.36    128
   50   6912  49152      6     7   768   3.37    256
   51   8192   8192      1     1     0  15.61   8192
   52   9472  57344      7     6   512  14.28    256
   53   9728  49152      6     5   512   3.64    512
   54  10240  40960      5     4     0   4.99   2048
   55  10880  32768      4     3   128   6.24    128
   56  12288  24576      3     2     0  11.45   4096
   57  13568  40960      5     3   256   9.99    256
   58  14336  57344      7     4     0   5.35   2048
   59  16384  16384      2     1     0  12.49   8192
   60  18432  73728      9     4     0  11.11   2048
   61  19072  57344      7     3   128   3.57    128
   62  20480  40960      5     2     0   6.87   4096
   63  21760  65536      8     3   256   6.25    256
   64  24576  24576      3     1     0  11.45   8192
   65  27264  81920     10     3   128  10.00    128
   66  28672  57344      7     2     0   4.91   4096
   67  32768  32768      4     1     0  12.50   8192
`;

/** Go's 67 classes of small objects. */
export const GO_ROWS: readonly GoRow[] = TABLE.trim()
  .split("\n")
  .slice(1)
  .map((line) => {
    const [sizeClass, size, span, pages, objects, tailWaste, maxWaste, minAlign] = line.trim().split(/ +/) as [
      string, string, string, string, string, string, string, string,
    ];
    return {
      class: Number(sizeClass),
      size: Number(size),
      span: Number(span),
      pages: Number(pages),
      objects: Number(objects),
      tailWaste: Number(tailWaste),
      maxWaste,
      minAlign: Number(minAlign),
    };
  });

/** The sum of all sizes. */
export const GO_SIZE_SUM = 372768;

/** The second table of Go's file: from which size on objects are aligned to how much. */
export const GO_ALIGNMENTS: readonly (readonly [align: number, fromSize: number])[] = [
  [8, 8],
  [16, 32],
  [32, 256],
  [64, 512],
  [128, 768],
  [4096, 28672],
  [8192, 32768],
];

/** Pairs of numbers, from the text that record.go prints. */
function pairs(text: string): (readonly [number, number])[] {
  return text.trim().split(/\s+/).map((pair) => {
    const [size, result] = pair.split(":");
    return [Number(size), Number(result)] as const;
  });
}

/** Steps of roundupsize for objects without pointers, sizes 1 to 40000: from this size on, this result. */
export const GO_ROUNDUP_NOSCAN: readonly (readonly [number, number])[] = pairs(`
  1:8 9:16 17:24 25:32 33:48 49:64 65:80 81:96 97:112 113:128 129:144 145:160 161:176 177:192 193:208 209:224
  225:240 241:256 257:288 289:320 321:352 353:384 385:416 417:448 449:480 481:512 513:576 577:640 641:704 705:768
  769:896 897:1024 1025:1152 1153:1280 1281:1408 1409:1536 1537:1792 1793:2048 2049:2304 2305:2688 2689:3072
  3073:3200 3201:3456 3457:4096 4097:4864 4865:5376 5377:6144 6145:6528 6529:6784 6785:6912 6913:8192 8193:9472
  9473:9728 9729:10240 10241:10880 10881:12288 12289:13568 13569:14336 14337:16384 16385:18432 18433:19072
  19073:20480 20481:21760 21761:24576 24577:27264 27265:28672 28673:32768 32769:40960
`);

/** The same for objects with pointers, seen at multiples of 4 from 4 to 40000. */
export const GO_ROUNDUP_SCAN: readonly (readonly [number, number])[] = pairs(`
  4:8 12:16 20:24 28:32 36:48 52:64 68:80 84:96 100:112 116:128 132:136 140:152 156:168 172:184 188:200 204:216
  220:232 236:248 252:280 284:312 316:344 348:376 380:408 412:440 444:472 476:504 508:568 572:632 636:696 700:760
  764:888 892:1016 1020:1144 1148:1272 1276:1400 1404:1528 1532:1784 1788:2040 2044:2296 2300:2680 2684:3064
  3068:3192 3196:3448 3452:4088 4092:4856 4860:5368 5372:6136 6140:6520 6524:6776 6780:6904 6908:8184 8188:9464
  9468:9720 9724:10232 10236:10872 10876:12280 12284:13560 13564:14328 14332:16376 16380:18424 18428:19064
  19068:20472 20476:21752 21756:24568 24572:27256 27260:28664 28668:32760 32764:32768 32772:40960
`);

/** Objects per span without pointers, for classes whose spans are one page. (8 is missing: such objects are tiny.) */
export const GO_NELEMS_NOSCAN: readonly (readonly [number, number])[] = pairs(`
  16:504 24:336 32:252 48:168 64:126 80:100 96:84 112:72 128:63 144:56 256:32 512:16 1024:8 2048:4
`);

/** Objects per span with pointers. */
export const GO_NELEMS_SCAN: readonly (readonly [number, number])[] = pairs(`
  8:992 16:488 24:325 32:244 48:162 64:122 80:97 96:81 112:69 128:61 144:56 256:32 512:16 1024:8 2048:4
`);
