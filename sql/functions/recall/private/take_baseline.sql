-- Takes a baseline that was asked for: the rows of a table become one entry of its history, from which the table is
-- rebuilt also across a TRUNCATE. Returns what it did, null if there is nothing to be done, or not now: where the table
-- is not to be had within 10 s, or capture does not run, it is tried again in a minute; where it is not live yet, in a
-- second. What fails otherwise is not tried again, since writers wait each time: the table's error says so.
--
-- The table is held still, so that the entry stands where it is right: behind all that the rows have, before all that
-- they have not.
--
-- Locks: the table and its partitions (share), the row of published, the log lock.
create or replace function ampsync_private.take_baseline()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
  set lock_timeout = '10s'
as $$
declare
  v_table    ampsync_private.published;
  v_sql      record;
  v_tx_id    bigint;
  v_rows     bigint;
  v_bytes    bigint;
  v_position bigint;
  v_error    jsonb;
begin
  select p.* into v_table
    from ampsync_private.published p
   where p.baseline_asked is not null
     and p.mode = 'rows'
     and p.identity = 'full'
     and p.state = 'live'
   order by p.baseline_asked
   limit 1;
  if v_table.published_id is null then
    perform ampsync_private.schedule_publication(
              ampsync_private.now() + case p.state when 'starting' then interval '1 s' else interval '1 min' end)
       from ampsync_private.published p
      where p.baseline_asked is not null
        and p.state in ('starting', 'failed')
      order by p.state desc
      limit 1;
    return null;
  end if;

  begin
    perform ampsync_private.hold_still(v_table.relation, 'share', 'baseline');
    v_sql := ampsync_private.row_as_text(v_table.relation);
    v_tx_id := nextval('ampsync_private.tx_id');
    perform ampsync_private.add_change_partitions(v_tx_id, v_tx_id);
    execute format($sql$
      with stored as (
        insert into ampsync_private.change (tx_id, seq, published_id, operation, key, data, metadata)
        select $1, row_number() over () - 1, $2, 'insert', %s, %s, '{"baseline": true}'
          from %s r
        returning length(key) + length(data::text) as bytes
      )
      select count(*), coalesce(sum(s.bytes), 0) from stored s
      $sql$, v_sql.key_sql, v_sql.data_sql, v_table.relation)
       into v_rows, v_bytes
      using v_tx_id, v_table.published_id;

    perform from ampsync_private.published p where p.published_id = v_table.published_id for no key update;
    v_position := ampsync_private.log_entry('baseline', array[v_table.published_id], '{}');
    update ampsync_private.change_tx t
       set tx_id   = v_tx_id,
           changes = v_rows,
           bytes   = v_bytes
     where t.position = v_position;
    update ampsync_private.published p
       set rebuildable_from = v_position,
           baseline_asked   = null
     where p.published_id = v_table.published_id;
  exception
    when lock_not_available or deadlock_detected or query_canceled or sqlstate 'SY405' then
      perform ampsync_private.schedule_publication(ampsync_private.now() + interval '1 min');
      return null;
    when others then
      v_error := jsonb_build_object('code', sqlstate, 'message', 'its baseline could not be taken: ' || sqlerrm,
                                    'hint', format('select ampsync.publish(%L, baseline => true);', v_table.relation));
      update ampsync_private.published p
         set baseline_asked = null, error = v_error
       where p.published_id = v_table.published_id;
      perform ampsync_private.journal(null, 'baseline_failed',
                jsonb_build_object('table', v_table.relation::text, 'error', v_error));
      return 'baseline_failed';
  end;
  return 'baseline_taken';
end;
$$;

comment on function ampsync_private.take_baseline()
  is 'Take a baseline of a table that was asked for.';
