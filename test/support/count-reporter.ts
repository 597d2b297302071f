/** The counts of a run and what failed, as JSON in the file that TEST_COUNTS_FILE names: scripts/test.mjs prints its last lines from it. */
import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const file = process.env.TEST_COUNTS_FILE;
    if (!file) return;
    let passed = 0;
    let skipped = 0;
    const failures = unhandledErrors.map((error) => `outside of a test: ${firstLine(error)}`);
    const failed = (where: string, errors: readonly SerializedError[]) => {
      failures.push(...errors.map((error) => `${where}: ${firstLine(error)}`));
    };
    for (const module of modules) {
      // A file that cannot be loaded, or whose set-up fails, has run none of its tests: that is a failure, not nothing.
      failed(module.relativeModuleId, module.errors());
      for (const suite of module.children.allSuites()) failed(`${module.relativeModuleId} > ${suite.fullName}`, suite.errors());
      for (const test of module.children.allTests()) {
        const { state, errors = [] } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed(`${module.relativeModuleId} > ${test.fullName}`, errors.slice(0, 1));
        else skipped += 1;
      }
    }
    writeFileSync(file, JSON.stringify({ passed, skipped, failures }));
  }
}

const firstLine = ({ message = '' }: SerializedError): string => message.split('\n', 1)[0] as string;
