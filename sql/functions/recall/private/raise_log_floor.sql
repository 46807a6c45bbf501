-- Nothing at or below this position is kept from now on. A table cannot be rebuilt there any more; one whose baseline
-- goes with it, only behind the last TRUNCATE since. Locks: the row of capture, rows of published.
create or replace function ampsync_private.raise_log_floor(
  p_position bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.capture c
     set log_floor = p_position
   where c.log_floor < p_position;

  update ampsync_private.published p
     set rebuildable_from = greatest(p_position, (
           select max(t.position)
             from ampsync_private.change_tx t
             join ampsync_private.change c on c.tx_id = t.tx_id
            where t.position > p.rebuildable_from
              and c.published_id = p.published_id
              and c.operation = 'truncate'
              and exists (select from ampsync_private.change_tx b -- Else each TRUNCATE has raised it.
                           where b.kind = 'baseline'
                             and b.position between p.rebuildable_from and p_position
                             and b.details -> 'tables' @> to_jsonb(p.published_id))))
   where p.mode = 'rows'
     and p.rebuildable_from < p_position;
end;
$$;

comment on function ampsync_private.raise_log_floor(bigint)
  is 'Nothing at or below this position of the log is kept from now on.';
