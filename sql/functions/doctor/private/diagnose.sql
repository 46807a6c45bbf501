-- One part of what ampsync.doctor looks at: workers, syncs, capture, indexes, vacuum or server. A part that cannot
-- be looked at (a lock that is not to be had, an object that is gone) is itself a finding, so
-- that the others are still shown. pg_get_indexdef waits for whoever has locked a target altogether.
create or replace function ampsync_private.diagnose(
  p_part text
)
  returns table (severity text, subject text, finding text, fix text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '1s'
as $$
begin
  case p_part
    when 'workers' then
      return query select * from ampsync_private.diagnose_workers() union all
                   select * from ampsync_private.diagnose_roles();
    when 'syncs' then
      return query select * from ampsync_private.diagnose_syncs() union all
                   select * from ampsync_private.diagnose_progress();
    when 'capture' then
      return query select * from ampsync_private.diagnose_capture();
    when 'indexes' then
      return query select * from ampsync_private.diagnose_indexes();
    when 'vacuum' then
      return query select * from ampsync_private.diagnose_vacuum();
    when 'server' then
      return query
      select d.*
        from ampsync_private.diagnose_server(
               (select jsonb_object_agg(g.name, g.setting) from pg_settings g)
               || jsonb_build_object(
                    'compression_methods', (select to_jsonb(g.enumvals) from pg_settings g
                                             where g.name = 'default_toast_compression'),
                    'standbys', (select count(*) from pg_stat_replication),
                    'database', current_database(),
                    'read_only_by', (select g.source from pg_settings g
                                      where g.name = 'default_transaction_read_only'),
                    'is_standby', pg_is_in_recovery())) d;
  end case;
exception
when lock_not_available then
  return query
  select 'warning', 'doctor', format('its look at the %s waited for a lock for 1 s, and was given up', p_part),
         'select * from pg_stat_activity where pid in (select k.pid from pg_locks k join ampsync.streams s '
         'on to_regclass(s.target) = k.relation where k.granted and k.mode = ''AccessExclusiveLock'');';
when others then
  return query
  select 'error', 'doctor', format('its look at the %s failed: %s (%s)', p_part, sqlerrm, sqlstate),
         'select * from ampsync.doctor(); -- if it stays: npx ampsync migrate';
end;
$$;

comment on function ampsync_private.diagnose(text)
  is 'One part of ampsync.doctor; a failure of it is a finding.';
