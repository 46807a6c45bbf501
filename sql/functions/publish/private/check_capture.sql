-- Refuses, with SY403, to capture a table from WAL where the server or the rights of our role do
-- not allow it. Each hint is the setting or statement that does. A server without a limit of WAL is a
-- warning, or refused where require_wal_limit is set.
--
-- p_relation  null: a table that is not made yet; the server and our role are looked at
create or replace function ampsync_private.check_capture(
  p_relation regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
  v_owner   name;
  v_table   regclass;
begin
  select c.* into v_capture from ampsync_private.capture c;
  if current_setting('wal_level') <> 'logical' then
    perform ampsync_private.raise_no_capture('wal_level is not logical',
      format('It is %s: WAL does not have the rows of tables.', current_setting('wal_level')),
      'alter system set wal_level = ''logical''; -- Then restart the server.');
  end if;
  if not exists (select from pg_replication_slots s
                  where s.slot_name = v_capture.slot and s.database = current_database())
     and (select count(*) from pg_replication_slots) >= current_setting('max_replication_slots')::integer then
    perform ampsync_private.raise_no_capture('there is no free replication slot',
      format('All %s are in use.', current_setting('max_replication_slots')),
      format('alter system set max_replication_slots = %s; -- Then restart the server; or drop one that nobody reads.',
             current_setting('max_replication_slots')::integer + 5));
  end if;
  if current_setting('max_wal_senders')::integer = 0 and v_capture.mode is distinct from 'poll' then
    perform ampsync_private.raise_no_capture('the server allows no replication connection',
      'max_wal_senders is 0.', 'alter system set max_wal_senders = 10; -- Then restart the server.');
  end if;

  if not exists (select from pg_roles r
                  where r.rolname = current_user and (r.rolsuper or r.rolreplication))
     and not coalesce((select pg_has_role(r.oid, 'usage') from pg_roles r where r.rolname = 'rds_replication'), false)
  then
    perform ampsync_private.raise_no_capture(format('the role %I may not replicate', current_user),
      'It is neither superuser, nor has REPLICATION, nor is it a member of rds_replication.',
      case when exists (select from pg_roles r where r.rolname = 'rds_replication')
           then format('grant rds_replication to %I;', current_user)
           else format('alter role %I replication;', current_user) end);
  end if;

  for v_table, v_owner in
    select t.relation, r.rolname
      from ampsync_private.identity_tables(p_relation) t
      join pg_class c on c.oid = t.relation
      join pg_roles r on r.oid = c.relowner
  loop
    if not pg_has_role(v_owner, 'usage') then
      perform ampsync_private.raise_no_capture(
        format('the role %I is no member of the owner of %s', current_user, v_table),
        'Only the owner of a table may publish it and set its replica identity.',
        format('grant %I to %I;', v_owner, current_user));
    end if;
    if not has_table_privilege(v_table, 'select') then
      perform ampsync_private.raise_no_capture(format('the role %I may not read %s', current_user, v_table),
        'Its rows are read when clients load the table.',
        format('grant select on %s to %I;', v_table, current_user));
    end if;
  end loop;
  if row_security_active(p_relation) then
    perform ampsync_private.raise_no_capture(
      format('row level security restricts the role %I on %s', current_user, p_relation),
      'It would not read all rows.', format('alter role %I bypassrls;', current_user));
  end if;
  perform ampsync_private.check_wal_limit(v_capture);
end;
$$;

comment on function ampsync_private.check_capture(regclass)
  is 'Refuse to capture a table where the server or our rights do not allow it.';
