import type { Arbitrary, AsyncCommand } from 'fast-check';
import type { GuardedInput } from './guard-model.ts';
import type { ExpectedVersion } from '../../src/index.ts';
import type { Expectation } from './inputs.ts';
import type { EntryInput, LogModel } from './log-model.ts';
import type { Subject } from './subject.ts';

/** The stores that are told the same, and how much they were told. */
export interface World {
  readonly subjects: readonly Subject[];
  /** Appends that had ids of the caller, for repeats. */
  readonly sent: EntryInput[][];
  /** The same for appends with keys and values. */
  readonly sentGuarded: GuardedInput[];
  executed: number;
}

export type Step = AsyncCommand<object, World>;

/** A command that every subject must answer like its model. */
export function step<T>(
  name: string,
  arbitrary: Arbitrary<T>,
  perform: (subject: Subject, input: T, world: World) => Promise<void>,
): Arbitrary<Step> {
  return arbitrary.map((input) => ({
    check: () => true,
    run: async (_, world) => {
      world.executed += 1;
      const before = world.sent.length;
      const guarded = world.sentGuarded.length;
      await Promise.all(world.subjects.map((subject) => perform(subject, input, world)));
      // Every subject has remembered the same append.
      world.sent.splice(before + 1);
      world.sentGuarded.splice(guarded + 1);
    },
    toString: () => `${name}(${JSON.stringify(input)})`,
  }));
}

/** An expectation in the terms of an append. */
export function resolve(model: LogModel, streamName: string, expectation: Expectation): ExpectedVersion | undefined {
  switch (expectation.kind) {
    case 'none':
      return undefined;
    case 'word':
      return expectation.word;
    case 'relative':
      return Math.max(0, model.version(streamName) + expectation.by);
  }
}
