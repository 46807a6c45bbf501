/** What the two designs of the Rust ampsync leave in a database, as SQL; `blocks` is a target of each. */

/** A target of the design of 2025. */
export const TARGET_2025 = `create table public.blocks (_id bytea primary key, _block_num_start bigint not null,
  _block_num_end bigint not null, block_hash bytea, note text);
  insert into public.blocks values ('\\x01', 0, 9, '\\x02', 'old')`;

/** Its checkpoints, in both forms. */
export const CHECKPOINTS_2025 = {
  "of each network": `create table public._ampsync_checkpoints (table_name text, network text,
    incremental_block_num bigint, incremental_updated_at timestamptz, watermark_block_num bigint,
    watermark_block_hash bytea, watermark_updated_at timestamptz, updated_at timestamptz,
    primary key (table_name, network))`,
  "of a single column":
    "create table public._ampsync_checkpoints (table_name text primary key, max_block_num bigint, updated_at timestamptz)",
} as const;

/** A target of the design of 2026. */
export const TARGET_2026 = `create table public.blocks (_tx_id bigint, _row_index integer, block_hash bytea, note text,
  primary key (_tx_id, _row_index));
  insert into public.blocks values (1, 1, '\\x02', 'old')`;

export const STATE_2026 = `create table public.amp_client_state (stream_id text primary key,
    next_transaction_id bigint, updated_at timestamptz);
  create table public.amp_client_buffer_entries (stream_id text, transaction_id bigint, block_ranges jsonb,
    primary key (stream_id, transaction_id))`;

/** Whole databases, and what shows the design. */
export const DATABASES = {
  "of 2025 with checkpoints of each network": {
    ddl: `${TARGET_2025};${CHECKPOINTS_2025["of each network"]}`,
    shownBy: "its checkpoints in the table public._ampsync_checkpoints",
  },
  "of 2025 with checkpoints of a single column": {
    ddl: `${TARGET_2025};${CHECKPOINTS_2025["of a single column"]}`,
    shownBy: "its checkpoints in the table public._ampsync_checkpoints",
  },
  "of 2026": {
    ddl: `${TARGET_2026};${STATE_2026}`,
    shownBy: "its state in the tables amp_client_state and amp_client_buffer_entries",
  },
} as const;
