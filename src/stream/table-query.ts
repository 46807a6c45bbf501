import { type ArrowField, type ArrowSchema, type ArrowType, typeName } from "../arrow/type.ts";
import { planTable, type TablePlan } from "../encoder/plan.ts";
import { AmpsyncError } from "../errors.ts";

/** The columns of a plan, in its order, from a table given as its SQL reference. */
export function selectSql(plan: TablePlan, reference: string): string {
  const columns = [...(plan.hasBlockNum ? ["_block_num"] : []), ...plan.columns.map(({ name }) => name)];
  return `SELECT ${columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(", ")} FROM ${reference}`;
}

/** Plans what will be sent, so that rows are never written by position alone; SY104 unless it is what was asked for. */
export function planSent(plan: TablePlan, schema: ArrowSchema): TablePlan {
  const sent = planTable(plan.table, schema);
  const differs = sent.columns.some(
    ({ name, type }, i) => name !== plan.columns[i]?.name || type !== plan.columns[i]?.type,
  );
  if (differs || sent.hasBlockNum !== plan.hasBlockNum || sent.columns.length !== plan.columns.length) {
    throw new AmpsyncError("SY104", "the schema of the stream differs from the planned one", {
      detail: `Planned: ${columnsOf(plan)}. Sent: ${columnsOf(sent)}.`,
    });
  }
  return sent;
}

/**
 * Refuses a schema that is not, field by field, the one that was planned. Where
 * one has a dictionary the other may have its plain values: servers decode them
 * on their way. Rows must be read by what is sent.
 */
export function checkSchema(sent: ArrowSchema, planned: ArrowSchema): void {
  if (fieldsOf({ fields: sent.fields.map(plain) }) !== fieldsOf({ fields: planned.fields.map(plain) })) {
    throw new AmpsyncError("SY104", "the stream sends another schema than was planned", {
      detail: `Planned: ${fieldsOf(planned)}. Sent: ${fieldsOf(sent)}.`,
    });
  }
}

function columnsOf({ hasBlockNum, columns }: TablePlan): string {
  return [...(hasBlockNum ? ["_block_num"] : []), ...columns.map(({ name, type }) => `${name} ${type}`)].join(
    ", ",
  );
}

/** Names, types and nullability in order: what makes two schemas the same to us. */
function fieldsOf(schema: ArrowSchema): string {
  return schema.fields
    .map((field) => `${field.name} ${typeName(field.type)}${field.nullable ? "" : " not null"}`)
    .join(", ");
}

/** A field without dictionaries, at any depth. */
function plain(field: ArrowField): ArrowField {
  return { ...field, type: plainType(field.type) };
}

function plainType(type: ArrowType): ArrowType {
  switch (type.kind) {
    case "dictionary":
      return plainType(type.value);
    case "list":
    case "fixedSizeList":
      return { ...type, item: plain(type.item) };
    case "struct":
      return { ...type, fields: type.fields.map(plain) };
    case "map":
      return { ...type, key: plain(type.key), value: plain(type.value) };
    case "runEndEncoded":
      return { ...type, value: plain(type.value) };
    default:
      return type;
  }
}
