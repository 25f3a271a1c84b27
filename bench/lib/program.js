// What the programs in bench/ have in common: bad arguments, Ctrl-C, progress.
import { ArgumentError } from './arguments.js';

const log = (line) => void process.stderr.write(`${line}\n`);

/** Parses the arguments and runs; exit code 2 for bad arguments, 130 after Ctrl-C, which lets `run` clean up. */
export async function runProgram({ usage, parse, run, modes = {} }) {
  const interrupted = new AbortController();
  const interrupt = () => {
    log('Interrupted: stopping the server …');
    interrupted.abort();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const options = parse(process.argv.slice(2));
    if (options.mode === 'help') console.log(usage);
    else await (modes[options.mode] ?? run)(options, { log, signal: interrupted.signal });
  } catch (error) {
    if (error instanceof ArgumentError) {
      console.error(`${error.message}\n\n${usage}`);
      process.exitCode = 2;
    } else if (interrupted.signal.aborted) {
      process.exitCode = 130;
    } else {
      throw error;
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
