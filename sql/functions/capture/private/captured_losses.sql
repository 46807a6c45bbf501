-- The tables of which rows of these transactions cannot be kept, or not be believed: each gets a floor behind
-- that transaction. [{"n", "id": published_id, "reason", "drops": its rows of that table are removed, "event",
-- "key", "bytes"}].
--   row_too_large, moved_unchanged, identity  marks of the decoder
--   a row that PostgreSQL refused, or that has no key (p_refused; capture.large_notes for what was stored ahead)
--   a transaction that is skipped (skip_transaction): all tables, since nobody knows what it holds
--
-- A mark `unknown` is a table that is in our publication, but not published: somebody put it there. It is
-- journaled; one of ampsync's own is SY404, for the log must not capture itself.
create or replace function ampsync_private.captured_losses(
  p_transactions jsonb,
  p_replayed     boolean[],
  p_capture      ampsync_private.capture,
  p_refused      jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_refused jsonb := p_refused;
  v_mark    record;
  v_losses  jsonb := '[]';
begin
  if (p_transactions #>> '{0,large}')::boolean and not p_replayed[1] then
    v_refused := v_refused || coalesce(p_capture.large_notes -> 'refused', '[]');
  end if;
  for v_mark in
    select (t.value ->> 'n')::integer as n, m.value as mark
      from jsonb_array_elements(p_transactions) with ordinality t
     cross join lateral jsonb_array_elements(coalesce(t.value -> 'marks', '[]')) m
     where not p_replayed[t.ordinality]
    union all
    select (r.value ->> 'n')::integer,
           r.value || jsonb_build_object('kind', case r.value ->> 'code' when '23514' then 'keyless'
                                                                         else 'row_too_large' end)
      from jsonb_array_elements(v_refused) r
     where not p_replayed[(r.value ->> 'n')::integer + 1]
  loop
    if v_mark.mark ->> 'kind' = 'unknown' then
      perform ampsync_private.note_unknown(v_mark.mark, (p_transactions -> v_mark.n ->> 'commit_lsn')::pg_lsn);
      continue;
    end if;
    v_losses := v_losses || coalesce((
      select jsonb_agg(jsonb_build_object(
               'n', v_mark.n, 'id', p.published_id, 'drops', v_mark.mark ->> 'kind' <> 'identity',
               'event', case v_mark.mark ->> 'kind' when 'row_too_large' then 'row_too_large' end,
               'key', left(v_mark.mark ->> 'key', 1000), 'bytes', v_mark.mark -> 'bytes', 'code', v_mark.mark -> 'code',
               'reason', case v_mark.mark ->> 'kind'
                           when 'row_too_large' then 'a row is too large'
                           when 'moved_unchanged' then 'a key changed, and values that are stored apart were not sent'
                           when 'identity' then 'old rows were not whole'
                           when 'keyless' then 'a row has no key'
                           else v_mark.mark ->> 'kind' end))
        from ampsync_private.published p
       where p.relation = (v_mark.mark ->> 'relation')::oid
         and p.mode = 'rows'), '[]');
  end loop;
  if p_capture.skip_lsn is null then
    return v_losses;
  end if;
  return v_losses || coalesce((
    select jsonb_agg(jsonb_build_object('n', t.value -> 'n', 'id', p.published_id, 'drops', true,
                                        'reason', 'a transaction was skipped'))
      from jsonb_array_elements(p_transactions) t
     cross join ampsync_private.published p
     where (t.value ->> 'commit_lsn')::pg_lsn = p_capture.skip_lsn
       and p.mode = 'rows'
       and p.state = 'live'), '[]');
end;
$$;

comment on function ampsync_private.captured_losses(jsonb, boolean[], ampsync_private.capture, jsonb)
  is 'The tables of which rows of captured transactions cannot be kept or believed.';
