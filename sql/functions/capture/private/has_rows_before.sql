-- Whether a captured transaction has rows of a table before a place in it. Of a large one the place of the first row is
-- known (store_changes): nothing is read that was stored ahead.
create or replace function ampsync_private.has_rows_before(
  p_tx_id        bigint,
  p_published_id integer,
  p_seq          integer
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_notes jsonb := (select c.large_notes from ampsync_private.capture c where c.large_tx = p_tx_id);
begin
  return coalesce((v_notes -> 'first' ->> (p_published_id::text))::integer < p_seq, false)
         or exists (select 1
                      from ampsync_private.change c
                     where c.tx_id = p_tx_id
                       and c.published_id + 0 = p_published_id -- By the index of the entry, see judge_changes.
                       and c.seq > coalesce((v_notes ->> 'last')::integer, -1)
                       and c.seq < p_seq);
end;
$$;

comment on function ampsync_private.has_rows_before(bigint, integer, integer)
  is 'Whether a captured transaction has rows of a table before a place in it.';
