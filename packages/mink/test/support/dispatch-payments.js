// A process that dispatches commands with ids: `go` on its standard input begins. It prints one line of JSON per result.
import { once } from 'node:events';
import { commandHandlers, createCommandBus, defineCommands, defineEvents, idempotency, payload } from 'mink';
import { createPostgresStore } from 'mink/postgres';

const [url, first, count, repeats] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const events = defineEvents({ Paid: payload() });
const commands = defineCommands({ Pay: payload() });
const store = createPostgresStore({ url, categories: { Invoice: events } });
const bus = createCommandBus(store, {
  handlers: [
    commandHandlers(commands, {
      Pay: ({ data }, { id }) => ({
        append: [{ streamName: `Invoice-${data.invoice}`, events: [events.Paid({ id })] }],
        value: { handledBy: process.pid },
      }),
    }),
  ],
  middleware: [idempotency()],
});

await store.streamInfo('Invoice-0');
process.stdout.write('ready\n');
await once(process.stdin, 'data');
for (let n = first; n < first + count; n += 1) {
  const pay = commands.Pay({ invoice: n % 7 }, { id: `payment-${n}` });
  const results = await Promise.all(Array.from({ length: repeats }, () => bus.dispatch(pay)));
  for (const { commandId, value, globalPosition } of results) {
    process.stdout.write(`${JSON.stringify({ commandId, ...value, globalPosition })}\n`);
  }
}
process.stdin.destroy();
await store.close();
