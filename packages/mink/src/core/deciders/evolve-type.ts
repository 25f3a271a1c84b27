/**
 * Everything, said in a way that makes TypeScript keep literals as literals (`status: 'open'`) and arrays as mutable
 * arrays when it infers a `const` type parameter bound by it.
 */
export type Anything =
  | DeepArrays
  | DeepArrays[]
  | object
  | string
  | number
  | boolean
  | bigint
  | symbol
  | null
  | undefined;

interface DeepArrays {
  readonly [key: string]: DeepArrays | DeepArrays[];
}

/**
 * Checks what `evolve` returns against the state, once both are inferred. If `evolve` simply returned `State`, its
 * literals would be widened while `State` is still being inferred, and `{ ...state, status: 'open' }` would not compile.
 */
export type ReturnsState<Next, State> = [Next] extends [State]
  ? [Exclude<KeysOf<Next>, KeysOf<State>>] extends [never]
    ? unknown
    : { readonly evolve: 'returns a property that the state does not have' }
  : { readonly evolve: (...parameters: never) => State };

/** The property names of any member of a union; of objects only. Only text: an inferred index signature has numbers, too. */
export type KeysOf<T> = T extends readonly unknown[] ? never : T extends object ? keyof T & string : never;
