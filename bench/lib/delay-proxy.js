// A line to PostgreSQL on which each round trip takes longer. Runs in a process of its own: what a measured process is
// busy with must not delay it further.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(import.meta.url);

/** Starts it in front of a server. `delayMs` is what a request waits on its way; answers come at once. */
export async function startDelayProxy(url, delayMs) {
  const target = new URL(url);
  const child = fork(file, [target.hostname, target.port, String(delayMs)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [port] = await once(child, 'message');
  target.hostname = '127.0.0.1';
  target.port = String(port);
  return { url: target.href, stop: () => child.kill('SIGKILL') };
}

function serve(client, { host, port, delayMs }) {
  const server = connect({ host, port });
  const end = () => {
    client.destroy();
    server.destroy();
  };
  for (const socket of [client, server]) {
    socket.setNoDelay(true);
    socket.on('error', end);
    socket.on('close', end);
  }
  // Timers of the same length fire in the order they were set: nothing overtakes.
  client.on('data', (chunk) => setTimeout(() => server.writable && server.write(chunk), delayMs));
  server.on('data', (chunk) => client.writable && client.write(chunk));
}

if (process.argv[1] === file) {
  const [host, port, delayMs] = process.argv.slice(2);
  const options = { host, port: Number(port), delayMs: Number(delayMs) };
  const server = createServer((client) => serve(client, options));
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.on('disconnect', () => process.exit());
}
