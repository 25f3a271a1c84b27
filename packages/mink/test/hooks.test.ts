import { deepStrictEqual, strictEqual } from 'node:assert';
import pino from 'pino';
import { Histogram, Registry } from 'prom-client';
import { test } from 'vitest';
import { commandHandlers, createCommandBus, defineCommands, payload, recommendedPipeline } from '../src/index.ts';
import { createMemoryStore } from '../src/memory/index.ts';

const commands = defineCommands({ Do: payload<null>() });

test('a real logger and real metrics are told what the hooks promise', async () => {
  const lines: string[] = [];
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => lines.push(line) });
  const registry = new Registry();
  const histogram = (name: string): Histogram<'type'> =>
    new Histogram({ name, help: 'Seconds.', labelNames: ['type'], registers: [registry] });
  const command = histogram('mink_command_duration_seconds');
  const handler = histogram('mink_handler_duration_seconds');
  const bus = createCommandBus(createMemoryStore(), {
    handlers: [commandHandlers(commands, { Do: () => undefined })],
    middleware: recommendedPipeline({
      logger,
      metrics: ({ type, seconds, handlerSeconds }) => {
        command.observe({ type }, seconds);
        if (handlerSeconds !== undefined) handler.observe({ type }, handlerSeconds);
      },
    }),
    newId: () => 'c-1',
  });
  await bus.dispatch(commands.Do(null));
  const { duration_ms: duration, ...line } = JSON.parse(lines[0] ?? '{}');
  strictEqual(typeof duration, 'number');
  deepStrictEqual(line, { level: 30, command_type: 'Do', correlation_id: 'c-1', msg: 'command executed' });
  const text = await registry.metrics();
  for (const name of ['mink_command_duration_seconds', 'mink_handler_duration_seconds']) {
    strictEqual(text.includes(`${name}_count{type="Do"} 1`), true);
  }
});
