// What .ci/run's scripts ask of a report of vitest, and of <report>.uncaught beside it (scripts/ci-reporter.mjs).
import { existsSync, readFileSync } from "node:fs";

const ROOT = process.cwd();

export const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));
export const uncaughtOf = (path) => (existsSync(`${path}.uncaught`) ? readJson(`${path}.uncaught`) : []);
export const hasFailed = ({ status }) => status === "failed";

/** Each failed test, file that failed without one, and error that no test caught, as { file, message }. */
export function failuresOf(files, uncaught) {
  const tests = files.filter(hasFailed).flatMap(({ name: file, message, assertionResults }) => {
    const failed = assertionResults.filter(hasFailed);
    if (failed.length === 0) return [{ file, message: message ?? "" }];
    return failed.map(({ fullName, failureMessages }) => ({
      file,
      message: `${fullName}: ${failureMessages.join(" ")}`,
    }));
  });
  const errors = uncaught.map(({ file, message }) => ({ file, message: `no test caught ${message}` }));
  return [...tests, ...errors];
}

/** One line of a failure, for the end of the output, of which alone is seen where little is kept. */
export function lineOf({ file, message }) {
  const where = file === null ? "" : `${file.replace(`${ROOT}/`, "")}: `;
  return `${where}${message.replaceAll(/\s+/g, " ").slice(0, 400)}`;
}
