/** Compiles only if `Actual` and `Expected` are the same: `expectType<Actual>()<Expected>()`. */
export function expectType<Actual>(): <Expected>(...same: Same<Actual, Expected>) => void {
  return () => undefined;
}

/** No argument if the types are the same; one that nobody can give if they are not. */
// oxlint-disable typescript/no-unnecessary-type-parameters -- T is what makes TypeScript compare the two exactly
type Same<Actual, Expected> =
  (<T>() => T extends Flat<Actual> ? 1 : 2) extends <T>() => T extends Flat<Expected> ? 1 : 2
    ? []
    : [{ readonly actual: Actual; readonly expected: Expected; readonly different: never }];
// oxlint-enable typescript/no-unnecessary-type-parameters

/** Intersections written out, so that `{ a: 1 } & { b: 2 }` is `{ a: 1; b: 2 }`. */
type Flat<T> = T extends Date | readonly unknown[] ? T : T extends object ? { [K in keyof T]: T[K] } : T;
