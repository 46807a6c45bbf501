-- One attempt of lock_to_publish: 55P03 where the tables are not had within 300 ms altogether.
--
-- p_identity  the identity that they shall have; restore: another one, whatever they have; null: nothing
--             is changed, and the table only leaves the publication
create or replace function ampsync_private.try_lock_to_publish(
  p_relation regclass,
  p_identity text,
  p_attempt  integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_tables regclass[] := array(select t.relation from ampsync_private.identity_tables(p_relation) t
                                order by t.relation <> p_relation, t.relation::oid);
  v_change boolean := ampsync_private.identity_must_change(p_relation, p_identity);
  v_until  timestamptz := ampsync_private.now() + interval '300 ms';
  v_table  regclass;
  v_name   text;
begin
  if p_attempt % 4 = 0 and cardinality(v_tables) = 1
     and not exists (select 1 from ampsync_private.table_holders(p_relation) h where not h.is_autovacuum) then
    v_until := v_until + interval '200 ms' + current_setting('deadlock_timeout')::interval;
  end if;

  foreach v_table in array v_tables loop
    v_name := (select format('%I.%I', n.nspname, c.relname) -- Of a dropped one a regclass is a number.
                 from pg_class c
                 join pg_namespace n on n.oid = c.relnamespace
                where c.oid = v_table);
    perform set_config('lock_timeout',
              greatest(1, ceil(1000 * extract(epoch from v_until - ampsync_private.now())))::text, true);
    begin
      if v_name is not null then
        execute format('lock table only %s in %s mode', v_name,
                       case when v_change then 'access exclusive'
                            when p_identity is null then 'share update exclusive' else 'share row exclusive' end);
      end if;
    exception
      when undefined_table or invalid_schema_name then
        v_name := null; -- Dropped, or just renamed.
    end;
    if v_name is distinct from v_table::text then
      raise exception using
        errcode = '55P03',
        message = format('%s was renamed while it was about to be locked', v_table),
        detail  = 'Nothing was changed.',
        hint    = ampsync_private.publish_statement(p_relation, p_identity);
    end if;
  end loop;

  if v_change <> ampsync_private.identity_must_change(p_relation, p_identity)
     or exists (select t.relation from ampsync_private.identity_tables(p_relation) t
                 where t.relation <> all (v_tables)) then
    raise exception using
      errcode = '55P03',
      message = format('%s was changed while it was about to be locked', p_relation),
      detail  = 'Nothing was changed.',
      hint    = ampsync_private.publish_statement(p_relation, p_identity);
  end if;
end;
$$;

comment on function ampsync_private.try_lock_to_publish(regclass, text, integer)
  is 'One attempt to lock a table that is to join or leave the publication.';
