-- Makes on the shadows of an upgrade the indexes and constraints of the targets that they are going
-- to replace, before the swap, at which readers would wait for it. Returns how many were made.
--
-- Idempotent. Locks: the tables of the shadows (share; access exclusive for constraints), at
-- most 5 s of waiting for each. The caller holds the dataset row.
create or replace function ampsync_private.build_indexes(
  p_dataset_id bigint
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
begin
  return (select coalesce(sum(ampsync_private.copy_indexes(s.target, w.target)
                              + ampsync_private.copy_checks(s.target, w.target)), 0)
            from ampsync_private.stream s
            join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
           where s.dataset_id = p_dataset_id
             and not ampsync_private.has_columns(s, w.has_block_num, w.columns));
end;
$$;

comment on function ampsync_private.build_indexes(bigint)
  is 'Make on the shadows of an upgrade the indexes and constraints of their targets; returns how many.';
