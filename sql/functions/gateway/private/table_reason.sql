-- Why a client that stands at two positions, that of rows and that of blocks, has to load a table anew; null: the log
-- goes on from there. waits: it cannot be loaded yet: the table is not live, or it is being filled, and is too large
-- to be sent again each time. p_is_behind: rows_behind of p_position, which is the same for all tables.
create or replace function ampsync_private.table_reason(
  p_published_id integer,
  p_position     bigint,
  p_blocks       bigint,
  p_low          bigint,
  p_is_behind    boolean,
  out reason text,
  out waits  boolean
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table     ampsync_private.published;
  v_at        bigint;
  v_is_filled boolean; -- Its stream is in backfill.
begin
  select * into v_table from ampsync_private.published p where p.published_id = p_published_id;
  v_at := case v_table.mode when 'rows' then p_position else p_blocks end;
  v_is_filled := coalesce((select s.state = 'backfill'
                             from ampsync_private.stream s where s.stream_id = v_table.stream_id), false);
  reason := case
    when v_table.floor is null then 'not live'
    when v_at is null then 'new'
    when v_at < coalesce((select c.log_floor from ampsync_private.capture c), 0) then 'below the log''s floor'
    when v_at < v_table.floor then 'below the table''s floor'
    when v_table.mode = 'rows' and p_is_behind then 'too large'
    when v_table.mode = 'blocks' and ampsync_private.blocks_behind(p_published_id, v_at, p_low)
      then case when v_is_filled then 'backfill' else 'too large' end
  end;
  waits := v_table.floor is null
           or v_is_filled and (reason is not distinct from 'backfill'
                               or ampsync_private.is_too_large(0, coalesce(pg_relation_size(v_table.relation), 0)));
end;
$$;

comment on function ampsync_private.table_reason(integer, bigint, bigint, bigint, boolean)
  is 'Why a client has to load a table anew, and whether it can yet; null: the log goes on from where it is.';
