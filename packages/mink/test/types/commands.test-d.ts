import { commandHandlers, createCommandBus, defineCommands, fromOutside, payload } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { expectType } from './expect-type.ts';

const commands = defineCommands({
  Either: payload<{ n: number }>(),
  Maybe: payload<{ n: number }>(),
  Always: payload<{ n: number }>(),
  Never: payload<null>(),
});
const bus = createCommandBus(createMemoryStore(), {
  handlers: [
    commandHandlers(commands, {
      // What comes back is the value of any branch, not of the one that happens to have none.
      Either: ({ data: { n } }) => (n > 1 ? { value: n } : n > 0 ? { value: 'small' } : { append: [] }),
      Maybe: async ({ data: { n } }) => {
        if (n === 0) return undefined;
        return { value: n };
      },
      Always: ({ data: { n } }) => ({ value: { n } }),
      Never: () => undefined,
    }),
  ],
});
const either = await bus.dispatch(commands.Either({ n: 1 }));
expectType<typeof either.value>()<number | string | undefined>();
const maybe = await bus.dispatch(commands.Maybe({ n: 1 }));
expectType<typeof maybe.value>()<number | undefined>();
const always = await bus.dispatch(commands.Always({ n: 1 }));
expectType<typeof always.value>()<{ n: number }>();
const never = await bus.dispatch(commands.Never(null));
expectType<typeof never.value>()<undefined>();

// What comes from outside has the type that its schema will make sure of.
const outside: unknown = JSON.parse('{}');
const known = fromOutside(commands, { type: 'Maybe', data: outside });
expectType<typeof known.data>()<{ n: number }>();
const answer = await bus.dispatch(known);
expectType<typeof answer.value>()<number | undefined>();
// @ts-expect-error there is no such command
fromOutside(commands, { type: 'Mabye', data: outside });
// From a queue the type is any text: what comes back is what any of them may give.
const name: string = 'Maybe';
const some = await bus.dispatch(fromOutside(commands, { type: name, data: outside }));
expectType<typeof some.value>()<number | string | { n: number } | undefined>();
