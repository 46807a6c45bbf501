import { AmpsyncError } from "../errors.ts";
import { type DatasetRef, datasetRefText } from "./dataset-ref.ts";

/** The detail of errors that follow from it. */
export const ADMIN_OFF = "AMP_ADMIN_API_ADDR, or admin_addr of the dataset, is off.";

/** The version and tables when there is no Admin API: the caller of enqueue_sync must have given them. */
export function resolveWithoutAdmin(dataset: DatasetRef & { readonly tables: readonly string[] | null }) {
  const revision = dataset.revision === "dev" ? null : dataset.revision; // Nobody says what the tag stands for.
  if (dataset.tables === null || revision === null) {
    const reference = datasetRefText({ ...dataset, revision: revision ?? "1.0.0" });
    const tables = dataset.tables ?? ["blocks", "logs"];
    throw new AmpsyncError(
      "SY004",
      `without an Admin API, ${datasetRefText(dataset)} needs a version and a list of tables`,
      {
        detail: ADMIN_OFF,
        hint: `select ampsync.enqueue_sync('${reference}', tables => '{${tables.join(",")}}');`,
      },
    );
  }
  return { version: revision, manifestHash: null, tables: dataset.tables, hasNamespaces: true };
}
