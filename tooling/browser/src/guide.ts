/**
 * What docs/browser.md shows its reader, taken out to be served and run.
 *
 * The ```http block is the headers; a block whose first line is a comment with a file's name is that file; the ```text block is what the
 * page then shows.
 */
export interface Guide {
  readonly headers: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, string>>;
  readonly shows: string;
}

const FENCED = /^```(\w+)\n(.*?)^```$/gms;
const FILE_NAME = /^(?:\/\/|<!--) ([\w.-]+\.(?:html|js))\b/;

export function readGuide(markdown: string): Guide {
  const headers: Record<string, string> = {};
  const files: Record<string, string> = {};
  let shows: string | undefined;
  for (const [, language, body = ""] of markdown.matchAll(FENCED)) {
    const fileName = FILE_NAME.exec(body)?.[1];
    if (fileName !== undefined) files[`/${fileName}`] = body;
    else if (language === "text") shows ??= body.trim();
    else if (language === "http") {
      for (const line of body.trim().split("\n")) {
        const [name, value] = line.split(": ");
        if (name === undefined || value === undefined) throw new Error(`not a header: ${line}`);
        headers[name] = value;
      }
    }
  }
  if (Object.keys(headers).length === 0 || files["/index.html"] === undefined || shows === undefined) {
    throw new Error("the guide needs an http block, an index.html, and a text block with what it shows");
  }
  return { headers, files, shows };
}
