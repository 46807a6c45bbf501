-- Whether the tables that an upgrade builds beside a dataset agree at a block that is not below
-- the cut that readers see now: the borders of their microbatches are others, so that they may
-- have no block in common although each has passed its checkpoint. Each network has a cut.
create or replace function ampsync_private.cut_is_reached(
  p_dataset_id bigint
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bool_and(coalesce(c.beside >= c.cut, c.cut is null)), true)
    from (select distinct w.network
            from ampsync_private.stream w
           where w.dataset_id = p_dataset_id
             and w.shadow_of is not null
             and w.state <> 'former'
             and w.network is not null) n
   cross join lateral (
     select ampsync_private.common_block(p_dataset_id, n.network) as cut,
            ampsync_private.common_block(p_dataset_id, n.network, true) as beside
   ) c;
$$;

comment on function ampsync_private.cut_is_reached(bigint)
  is 'Whether the tables that an upgrade builds agree at a block that is not below the cut of now.';
