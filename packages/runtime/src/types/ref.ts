/**
 * Refs: the address of an object's first byte, 0 for nil.
 *
 * A ref remembers, for TypeScript alone, the name of the type it points to, so that one of `Post` cannot be stored where one
 * of `Node` belongs. A plain number can: addresses come as numbers from messages and from other code.
 */
declare const TARGET: unique symbol;

export type Ref<N extends string = string> = number & { readonly [TARGET]?: N };
