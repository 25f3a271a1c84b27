import { appendByHand } from '../actors/append-by-hand.ts';
import { describeError } from '../actors/library-writer.ts';
import { connect, query } from '../cluster/sql.ts';
import type { AttemptStart } from '../history.ts';
import { Random } from '../random.ts';
import { JournalWriter } from './journal.ts';
import { numberIn, parseRecord, textIn } from './json.ts';
import { lifeOfParent } from './life.ts';

// Opens a transaction, appends in it, says so, and waits to be frozen. When it is told to, it commits: by then the server
// should have ended it, as it held every reader.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const name = textIn(config, 'name');
const random = new Random(textIn(config, 'seed'));
const recorder = new JournalWriter(textIn(config, 'journal'));
const lines: string[] = [];
let wake: (() => void) | undefined;
const signal = lifeOfParent((line) => {
  lines.push(line);
  wake?.();
});
signal.addEventListener('abort', () => process.exit(0));

const client = await connect(textIn(config, 'url'));
const start: AttemptStart = {
  id: `${name}-1`,
  entries: [{ streamName: `Held-${name}`, expectedVersion: 'no_stream', types: ['Opened', 'Changed'] }],
  eventIds: [random.uuid(), random.uuid()],
};
recorder.begin(start);
await query(client, 'begin');
const outcome = await appendByHand(client, start, { hold: numberIn(config, 'hold'), lock: 1_000 });
process.stdout.write('held\n');
if (lines.length === 0) {
  await new Promise<void>((resolve) => {
    wake = resolve;
  });
}
try {
  await query(client, 'commit');
  recorder.settle(start.id, outcome);
} catch (error) {
  // Whoever loses the connection at a commit cannot know; here the server had ended the transaction long before.
  recorder.settle(start.id, { status: 'unknown', eventIds: start.eventIds });
  process.stderr.write(`${describeError(error)}\n`);
}
process.exit(0);
