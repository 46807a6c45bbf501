// A reporter of vitest, for .ci/run: vitest's own JSON report says nothing of errors that no test caught, though a run
// fails by them. They are written to the file that CI_UNCAUGHT names, as a list of { file, message }.
import { writeFileSync } from "node:fs";

export default class UncaughtErrors {
  onTestRunEnd(_modules, errors) {
    const path = process.env["CI_UNCAUGHT"];
    if (path === undefined) return;
    const found = errors.map(({ name, message, stack, VITEST_TEST_PATH: file }) => ({
      file: file ?? null,
      message: stack ?? `${name}: ${message}`,
    }));
    writeFileSync(path, JSON.stringify(found));
  }
}
