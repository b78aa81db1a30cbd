import { describe, expect, expectTypeOf, test } from "vitest";
import { BumpObjectHeap } from "../testing/bump-object-heap.ts";
import { array, bool, bytes, f64, fixed, i32, mutex, ref, str, struct, u16, u8 } from "./declare.ts";
import type { Init, Items, Mutex, View } from "./infer.ts";
import type { IntField, WordField } from "./int-fields.ts";
import type { RefField, StrField } from "./ref-fields.ts";
import type { Ref } from "./ref.ts";
import { TypeTable } from "./type-table.ts";

const NodeType = struct("Node", {
  get next() {
    return ref(NodeType);
  },
  value: f64,
  name: str,
  tag: u8,
});

const PointType = struct("Point", { x: i32, y: i32 });

const AuthorType = struct("Author", {
  get posts() {
    return ref(array(ref(PostType)));
  },
  name: str,
});
const PostType = struct("Post", {
  get author() {
    return ref(() => AuthorType);
  },
  title: str,
  likes: i32,
  pinned: bool,
  image: bytes,
  at: PointType,
  tags: fixed(u16, 4),
  lock: mutex,
});

function table(): TypeTable {
  return new TypeTable(BumpObjectHeap.create());
}

describe("what TypeScript infers from a declaration", () => {
  test("a struct that refers to itself has a view whose properties are typed all the way", () => {
    expectTypeOf<View<typeof NodeType>["next"]>().toEqualTypeOf<View<typeof NodeType> | null>();
    expectTypeOf<NonNullable<NonNullable<View<typeof NodeType>["next"]>["next"]>["name"]>().toEqualTypeOf<string>();
    expectTypeOf<View<typeof NodeType>["value"]>().toEqualTypeOf<number>();
    const node = table().create(NodeType, { value: 1, name: "a" });
    node.next = node;
    expect(node.next.next?.name).toBe("a");
  });

  test("structs that refer to each other are inferred, through an array too", () => {
    const types = table();
    const author = types.create(AuthorType, { name: "Ann" });
    const post = types.create(PostType, { author, title: "T" });
    expectTypeOf(post.author).toEqualTypeOf<View<typeof AuthorType> | null>();
    author.posts = types.create(array(ref(PostType)), [post]);
    expectTypeOf(author.posts.at(0)).toEqualTypeOf<View<typeof PostType> | null>();
    expect(author.posts.at(0)?.title).toBe("T");
    expect(post.author?.name).toBe("Ann");
  });

  test("each kind of field has its value", () => {
    type Post = View<typeof PostType>;
    expectTypeOf<Post["likes"]>().toEqualTypeOf<number>();
    expectTypeOf<Post["pinned"]>().toEqualTypeOf<boolean>();
    expectTypeOf<Post["image"]>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<Post["at"]["x"]>().toEqualTypeOf<number>();
    expectTypeOf<Post["tags"]>().toEqualTypeOf<Items<(typeof PostType)["fields"]["tags"]["elem"]>>();
    expectTypeOf<Post["lock"]>().toEqualTypeOf<Mutex>();
    expectTypeOf<Post["$ref"]>().toEqualTypeOf<Ref<"Post">>();
    expect(table().create(PostType).at.x).toBe(0);
  });

  test("initial values are checked: of what exists, of the right type, structs from plain objects", () => {
    expectTypeOf<{ title: string; at: { x: number }; tags: number[] }>().toExtend<Init<typeof PostType>>();
    expectTypeOf<{ title: number }>().not.toExtend<Init<typeof PostType>>();
    expectTypeOf<{ lock: number }>().not.toExtend<Init<typeof PostType>>();
    expect(table().create(PostType, { at: { x: 4 }, tags: [1, 2, 3, 4] }).tags.at(3)).toBe(4);
  });

  test("accessors have the methods of their kind, and refs know what they point to", () => {
    const types = table();
    const Node = types.bind(NodeType);
    const Post = types.bind(PostType);
    expectTypeOf(Node.tag).toEqualTypeOf<IntField>();
    expectTypeOf(Post.likes).toEqualTypeOf<WordField>();
    expectTypeOf(Node.name).toEqualTypeOf<StrField>();
    expectTypeOf(Node.next).toEqualTypeOf<RefField<"Node">>();
    expectTypeOf(Post.at.x).toEqualTypeOf<WordField>();
    expectTypeOf(Post.tags.length).toEqualTypeOf<4>();
    expectTypeOf(Node.$type.alloc()).toEqualTypeOf<Ref<"Node">>();
    expectTypeOf<Ref<"Post">>().not.toExtend<Ref<"Node">>();
    expectTypeOf<number>().toExtend<Ref<"Node">>();
    expect(Post.tags.length).toBe(4);
  });

  test("instanceof tells TypeScript what a value is", () => {
    const types = table();
    const Node = types.bind(NodeType);
    const value: unknown = types.create(Node, { tag: 3 });
    if (!(value instanceof Node)) throw new Error("a view of its type");
    expectTypeOf(value.tag).toEqualTypeOf<number>();
    expectTypeOf<View<typeof Node>>().toEqualTypeOf<View<typeof NodeType>>();
    expect(value.tag).toBe(3);
  });
});
