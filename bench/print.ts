import { machine } from "./machine.ts";

/** A result, and where it comes from. */
export function print(result: object, asJson: boolean): void {
  const report = { ...result, ...machine() };
  console.log(
    asJson
      ? JSON.stringify(report)
      : Object.entries(report)
          .map(([key, value]) => `${key.padEnd(12)} ${value}`)
          .join("\n"),
  );
}
