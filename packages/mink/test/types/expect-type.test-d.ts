import { expectType } from './expect-type.ts';

// What the other files rest on: a difference does not compile.
expectType<{ a: 1 } & { b: 2 }>()<{ a: 1; b: 2 }>();
expectType<Date[]>()<Date[]>();
// @ts-expect-error another type
expectType<number>()<string>();
// @ts-expect-error a wider type
expectType<'a'>()<string>();
// @ts-expect-error a narrower type
expectType<string>()<'a'>();
// @ts-expect-error nothing at all
expectType<never>()<string>();
// @ts-expect-error not known
expectType<unknown>()<string>();
// @ts-expect-error a part more
expectType<{ a: 1 }>()<{ a: 1; b?: 2 }>();
// @ts-expect-error not for writing
expectType<{ readonly a: 1 }>()<{ a: 1 }>();
