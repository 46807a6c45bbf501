import { AmpsyncError, type ErrorCode } from "../../errors.ts";

/** An error as it goes from thread to thread, which keeps neither its class nor its fields. */
export interface Packed {
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

const FIELDS = ["code", "detail", "hint", "severity", "schema", "table", "column", "constraint", "position"];

export function packError(error: unknown): Packed {
  if (!(error instanceof Error)) return { message: String(error), fields: {} };
  const all = error as unknown as Record<string, unknown>;
  const present = FIELDS.flatMap((name) => (typeof all[name] === "string" ? [[name, all[name]]] : []));
  return { message: error.message, fields: Object.fromEntries(present) };
}

export function unpackError({ message, fields }: Packed): Error {
  const { code = "", detail, hint } = fields;
  if (!code.startsWith("SY")) return Object.assign(new Error(message), fields);
  return new AmpsyncError(code as ErrorCode, message, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  });
}
