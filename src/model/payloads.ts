import { AmpsyncError } from "../errors.ts";

/** Jobs carry only ids, as text: a bigint in JSON would be rounded. */
export function parseId(payload: unknown, key: "stream_id" | "dataset_id" | "answer_id"): bigint {
  const value = typeof payload === "object" && payload !== null ? Reflect.get(payload, key) : undefined;
  if (typeof value !== "string" || !/^\d{1,18}$/.test(value)) {
    throw new AmpsyncError("SY004", `the job has no ${key}`, {
      detail: `Payload: ${JSON.stringify(payload)}.`,
      hint: "Jobs are queued by SQL: select ampsync.enqueue_sync('my_dataset');",
    });
  }
  return BigInt(value);
}
