import { spawnSync } from 'node:child_process';
import { test as vitestTest } from 'vitest';

/** Git is the only program these tests need besides Node; without it they are skipped, and the run says so. */
export const test = spawnSync('git', ['--version']).status === 0 ? vitestTest : vitestTest.skip;
