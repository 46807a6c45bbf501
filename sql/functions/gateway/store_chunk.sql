-- One chunk of a snapshot: gzip of whole lines of COPY. p_bytes and p_xxh64 are those of the text. SY001 where
-- another job has the snapshot by now.
create or replace function ampsync_worker.store_chunk(
  p_snapshot uuid,
  p_attempt  integer,
  p_n        integer,
  p_rows     integer,
  p_bytes    integer,
  p_xxh64    text,
  p_body     bytea
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.commit_async(); -- Unlogged, and a crash of the server spoils the snapshot anyway.
  perform ampsync_private.check_attempt(p_snapshot, p_attempt);
  insert into ampsync_private.snapshot_chunk (snapshot_id, n, rows, bytes, xxh64, body)
  values (p_snapshot, p_n, p_rows, p_bytes, p_xxh64, p_body);
end;
$$;

comment on function ampsync_worker.store_chunk(uuid, integer, integer, integer, integer, text, bytea)
  is 'Store one chunk of a snapshot.';
