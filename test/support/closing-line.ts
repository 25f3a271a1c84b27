import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Ends a run with what was skipped and why, and one plain line with the counts. With MINK_NO_SKIP=1, as in CI, a skipped
 * test fails the run: there, everything that a test may need is installed.
 */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: 'passed' | 'failed' | 'skipped'): readonly TestCase[] =>
      tests.filter((test) => test.result().state === state);
    const [passed, failed, skipped] = [inState('passed'), inState('failed'), inState('skipped')];
    for (const test of skipped) console.log(`skipped: ${test.fullName}${reasonOf(test)}`);
    console.log(`tests: ${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`);
    if (skipped.length > 0 && process.env['MINK_NO_SKIP'] === '1') {
      console.error('MINK_NO_SKIP=1: no test may be skipped.');
      process.exitCode = 1;
    }
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  return result.state === 'skipped' && result.note !== undefined ? ` (${result.note})` : '';
}
