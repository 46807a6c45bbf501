-- Numbers the transactions of one call of commit_capture, the first one under 1, in arrays:
--
-- tx_ids     the id of its rows; null for one that was sent again, or that is to be stored as empty
--            (skip_transaction)
-- replayed   it was sent again: the log has it
-- specials   those of which more is to be known than their rows: relations, messages, marks; large or skipped ones
-- has_large  the first one is large, and has rows in `change` already
--
-- Errors: SY404 where they are not numbered from 0 on, in the order of WAL; SY001 where the rows of a large one
-- are gone.
create or replace function ampsync_private.number_transactions(
  in  p_transactions jsonb,
  in  p_capture      ampsync_private.capture,
  out tx_ids         bigint[],
  out replayed       boolean[],
  out specials       integer[],
  out has_large      boolean
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_ordered boolean;
begin
  select array_agg(case when t.is_replay or t.is_skipped then null
                        when t.is_large then p_capture.large_tx
                        else nextval('ampsync_private.tx_id') end order by t.place),
         array_agg(t.is_replay order by t.place),
         coalesce(array_agg(t.place::integer order by t.place) filter (where t.is_special and not t.is_replay), '{}'),
         bool_or(t.is_large and not t.is_replay),
         bool_and(t.n = t.place - 1 and t.lsn > coalesce(t.before, '0/0') and t.end_lsn >= t.lsn)
    into tx_ids, replayed, specials, has_large, v_is_ordered
    from (select o.ordinality as place, (o.value ->> 'n')::integer as n,
                 (o.value ->> 'commit_lsn')::pg_lsn as lsn, (o.value ->> 'end_lsn')::pg_lsn as end_lsn,
                 lag((o.value ->> 'commit_lsn')::pg_lsn) over (order by o.ordinality) as before,
                 coalesce((o.value ->> 'commit_lsn')::pg_lsn <= p_capture.commit_lsn, false) as is_replay,
                 coalesce((o.value ->> 'commit_lsn')::pg_lsn = p_capture.skip_lsn, false) as is_skipped,
                 coalesce((o.value ->> 'large')::boolean, false) as is_large,
                 coalesce((o.value ->> 'large')::boolean, false)
                   or coalesce(o.value -> 'relations', '[]') <> '[]' or coalesce(o.value -> 'messages', '[]') <> '[]'
                   or coalesce(o.value -> 'marks', '[]') <> '[]'
                   or coalesce((o.value ->> 'commit_lsn')::pg_lsn = p_capture.skip_lsn, false) as is_special
            from jsonb_array_elements(p_transactions) with ordinality o) t;

  if v_is_ordered is distinct from true then
    raise exception using
      errcode = 'SY404',
      message = 'transactions are not in the order of WAL',
      detail  = format('They are at %s.', (select string_agg(t.value ->> 'commit_lsn', ', ')
                                             from jsonb_array_elements(p_transactions) t)),
      hint    = 'select * from ampsync.capture; -- please report it';
  end if;
  if has_large and p_capture.large_tx is null and p_capture.skip_lsn is null then
    call ampsync_private.raise_capture_lost(p_capture.generation);
  end if;
end;
$$;

comment on function ampsync_private.number_transactions(jsonb, ampsync_private.capture)
  is 'Number the transactions of one call of commit_capture, and find those that were sent again.';
