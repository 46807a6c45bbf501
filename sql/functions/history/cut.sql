-- The block at which all tables of a dataset agree: the highest one that is, with the same
-- hash, in the history of every stream of its network. It is never just the lowest checkpoint,
-- because during a reorg some tables may be on the new chain and others still on the old one.
-- Null while there is no such block.
--
-- A table that is added to a dataset whose other tables are loaded, by a new version for
-- instance, takes part once it is live and agrees with them at the cut, which never goes back
-- because of it.
--
-- STABLE, so that it describes the very snapshot of the query around it. Write it as a
-- subquery, which is evaluated once:
--
--   select … from ds.blocks b join ds.logs l using (_block_num)
--    where b._block_num <= (select ampsync.cut('ds'));
--
-- Several statements agree with each other only in a REPEATABLE READ transaction.
--
-- network: may be omitted if the dataset has one network. Runs with its owner's rights, so that
-- readers without rights on our tables can call it.
create or replace function ampsync.cut(
  dataset text,
  network text default null
)
  returns bigint
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cut.dataset);
  v_networks   text[];
begin
  perform ampsync_private.refuse_http(v_dataset_id, 'cut');
  select array_agg(distinct s.network order by s.network) into v_networks
    from ampsync_private.stream s
   where s.dataset_id = v_dataset_id
     and s.shadow_of is null
     and s.network = coalesce(cut.network, s.network);

  if cardinality(v_networks) > 1 then
    raise exception using
      errcode = 'SY004',
      message = format('%s has several networks, and each has a cut of its own', cut.dataset),
      detail  = format('Networks: %s.', array_to_string(v_networks, ', ')),
      hint    = format('select ampsync.cut(%L, %L);', cut.dataset, v_networks[1]);
  end if;

  return ampsync_private.common_block(v_dataset_id, v_networks[1]);
end;
$$;

comment on function ampsync.cut(text, text)
  is 'The highest block at which all tables of a dataset agree, by number and hash.';
