// npm makes the commands of a package executable when it is installed. Those of this repository are built only later.
import { chmodSync } from 'node:fs';

chmodSync(new URL('../packages/cli/dist/main.js', import.meta.url), 0o755);
