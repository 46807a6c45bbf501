import { AmpsyncError, reportOf } from "../errors.ts";
import { failureOf } from "../model/failure.ts";
import { UsageError } from "./command-line.ts";

/** What the driver says of a connection that is silent or broken; these errors have no code. */
const OF_THE_DRIVER =
  /^(Query read timeout|timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error)/;

/** Prints an error for people, or for programs; returns the exit code. */
export function printError(error: unknown, asJson: boolean, write: (text: string) => void): number {
  const report = reportOn(error);
  if (asJson && report !== null) {
    write(`${JSON.stringify({ error: report })}\n`);
  } else if (error instanceof UsageError && report !== null) {
    write(`ampsync: ${report.message}\nHINT: ${report.hint}\n`);
  } else if (report !== null) {
    write(`${reportOf(report)}\n`);
  } else {
    write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
  return error instanceof UsageError ? 2 : 1;
}

/** Null for a bug in ampsync, which is shown with its stack. */
function reportOn(error: unknown): Parameters<typeof reportOf>[0] | null {
  if (error instanceof UsageError) {
    const hint = ["ampsync", error.command, "--help"].filter(Boolean).join(" ");
    return { code: "SY004", message: error.message, detail: null, hint };
  }
  const failure = failureOf(error);
  // A system error has a code such as ECONNREFUSED.
  const isKnown =
    failure.code === "SY109" ||
    (error instanceof Error &&
      (Reflect.get(error, "code") !== undefined || OF_THE_DRIVER.test(error.message)));
  if (!isKnown) return null;
  const isConnection = failure.code === "SY104" && !(error instanceof AmpsyncError);
  return {
    code: failure.code,
    message: failure.message,
    detail: failure.detail,
    hint: isConnection ? "Check the address, and that the server is running." : failure.hint,
  };
}
