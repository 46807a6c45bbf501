-- Appends finished watermarks to a stream's history. They must continue where the history ends,
-- without a gap and chained by hash; anything else is rejected, whatever the caller assumed.
--
-- p_watermarks: a jsonb array, oldest first, of
--   {"start": "15000000", "end": "15000009", "hash": "0x…", "prev_hash": "0x…" or null}
--
-- Returns the newest one. Locks: history rows of the stream.
create or replace function ampsync_private.append_history(
  p_stream_id  bigint,
  p_watermarks jsonb
)
  returns ampsync_private.history
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tip    ampsync_private.history;
  v_broken record;
begin
  select * into v_tip
    from ampsync_private.history h
   where h.stream_id = p_stream_id
   order by h.last_block desc
   limit 1;

  with watermark as (
    select w.ordinality,
           (w.value ->> 'start')::bigint as first_block,
           (w.value ->> 'end')::bigint as last_block,
           decode(substr(w.value ->> 'hash', 3), 'hex') as hash,
           decode(substr(w.value ->> 'prev_hash', 3), 'hex') as prev_hash
      from jsonb_array_elements(p_watermarks) with ordinality w
  ),
  appended as (
    insert into ampsync_private.history (stream_id, first_block, last_block, hash, prev_hash)
    select p_stream_id, w.first_block, w.last_block, w.hash, w.prev_hash
      from watermark w
     order by w.ordinality
    on conflict on constraint history_pkey do nothing -- It lies within the history, so it is rejected below.
  ),
  pair as (
    select w.*,
           coalesce(lag(w.last_block) over o, v_tip.last_block) as before_block,
           coalesce(lag(w.hash) over o, v_tip.hash) as before_hash
      from watermark w
    window o as (order by w.ordinality)
  )
  select p.first_block, p.prev_hash, p.before_block, p.before_hash into v_broken
    from pair p
   where p.first_block <> p.before_block + 1
      or p.prev_hash <> p.before_hash
   limit 1;

  if found then
    raise exception using
      errcode = 'SY101',
      message = format('the range that starts at block %s does not follow block %s',
                       v_broken.first_block, v_broken.before_block),
      detail  = format('Its parent hash is %s, the stored hash is %s.',
                       coalesce(encode(v_broken.prev_hash, 'hex'), 'null'), encode(v_broken.before_hash, 'hex')),
      hint    = 'The stream reconnects at its checkpoint automatically; select * from ampsync.events;';
  end if;

  select * into strict v_tip
    from ampsync_private.history h
   where h.stream_id = p_stream_id
   order by h.last_block desc
   limit 1;

  return v_tip;
end;
$$;

comment on function ampsync_private.append_history(bigint, jsonb)
  is 'Append watermarks that continue a history; SY101 if they do not.';
