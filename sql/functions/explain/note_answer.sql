-- Stores what the Amp server said about a dataset: the version that its reference stands for,
-- and for each table that was planned what a pass would be told, or why it cannot be synced. Or
-- why it said nothing; then what it said before is forgotten.
--
-- p_version, p_manifest_hash, p_has_namespaces   see register_streams
-- p_tables  jsonb array of {"table", "has_block_num", "columns": see prepare_target, "error"}; the table
--           alone where nobody wanted it
-- p_head    the last block of the server; null: unknown
-- p_error   {"code", "message", "detail", "hint"}; all others are null then
--
-- Locks: the row of the answer.
create or replace function ampsync_worker.note_answer(
  p_answer_id      bigint,
  p_version        text,
  p_manifest_hash  text,
  p_has_namespaces boolean,
  p_tables         jsonb,
  p_head           bigint,
  p_error          jsonb
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.answer a
     set answered_at    = ampsync_private.now(),
         version        = p_version,
         manifest_hash  = p_manifest_hash,
         has_namespaces = p_has_namespaces,
         tables         = p_tables,
         head           = p_head,
         error          = p_error
   where a.answer_id = p_answer_id;
$$;

comment on function ampsync_worker.note_answer(bigint, text, text, boolean, jsonb, bigint, jsonb)
  is 'Store what the Amp server said about a dataset, for ampsync.explain_sync.';
