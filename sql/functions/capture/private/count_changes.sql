-- How many rows of each transaction are stored, the first one under 1, after those were removed that are not
-- kept: rows of tables that do not go live before it, and what captured_losses drops.
--
-- What the decoder counted is taken where all of it was stored: counting costs.
create or replace function ampsync_private.count_changes(
  p_transactions jsonb,
  p_tx_ids       bigint[],
  p_stored       bigint,
  p_going        integer[],
  p_losses       jsonb,
  p_capture      ampsync_private.capture
)
  returns integer[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counts  integer[];
  v_removed bigint := 0;
  v_rows    bigint;
begin
  select array_agg(case when t.value -> 'large' = 'true'
                        then (p_capture.large_notes ->> 'rows')::bigint + p_stored
                        when p_tx_ids[t.ordinality] is null then 0
                        else coalesce((t.value ->> 'changes')::integer, 0) end order by t.ordinality)
    into v_counts
    from jsonb_array_elements(p_transactions) with ordinality t;

  if p_going <> '{}' or p_capture.large_tx = any (p_tx_ids) then
    delete from ampsync_private.change c
     using jsonb_array_elements(p_transactions) with ordinality t, ampsync_private.published p
     where c.tx_id = p_tx_ids[t.ordinality]
       and p.published_id = c.published_id
       and p.state <> 'live'
       and (p.published_id <> all (p_going) or p.published_lsn >= (t.value ->> 'commit_lsn')::pg_lsn);
    get diagnostics v_removed = row_count;
  end if;
  if p_losses <> '[]' then
    delete from ampsync_private.change c
     using jsonb_array_elements(p_losses) l
     where (l.value ->> 'drops')::boolean
       and c.tx_id = p_tx_ids[(l.value ->> 'n')::integer + 1]
       and c.published_id + 0 = (l.value ->> 'id')::integer; -- By the index of the entry, see judge_changes.
    get diagnostics v_rows = row_count;
    v_removed := v_removed + v_rows;
  end if;

  if v_removed = 0
     and (p_capture.large_tx = any (p_tx_ids) or p_stored = (select sum(c.n) from unnest(v_counts) c(n))) then
    return v_counts;
  end if;
  return (select array_agg(coalesce(c.n, 0) order by t.place)
            from unnest(p_tx_ids) with ordinality t(tx_id, place)
            left join (select o.tx_id, count(*)::integer as n
                         from ampsync_private.change o
                        where o.tx_id = any (p_tx_ids)
                        group by 1) c
              on c.tx_id = t.tx_id);
end;
$$;

comment on function ampsync_private.count_changes(jsonb, bigint[], bigint, integer[], jsonb, ampsync_private.capture)
  is 'How many rows of each captured transaction are stored, after those were removed that are not kept.';
