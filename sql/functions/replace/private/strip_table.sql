-- Takes from a table its policies, triggers, rules and places in publications, before they are
-- made on the one that replaces it. The former table must not keep them: subscribers would look
-- for it, and nobody could drop a function or table that they use. Row level security stays
-- enabled, so that now only its owner reads it.
--
-- Locks: the table (access exclusive).
create or replace function ampsync_private.strip_table(
  p_table regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ddl text;
begin
  for v_ddl in
    select format('drop policy %I on %s', p.polname, p_table) from pg_policy p where p.polrelid = p_table
    union all
    select format('drop trigger %I on %s', t.tgname, p_table)
      from pg_trigger t
     where t.tgrelid = p_table and not t.tgisinternal
    union all
    select format('drop rule %I on %s', r.rulename, p_table) from pg_rewrite r where r.ev_class = p_table
    union all
    select format('alter publication %I drop table only %s', p.pubname, p_table)
      from pg_publication_rel r
      join pg_publication p on p.oid = r.prpubid
     where r.prrelid = p_table
  loop
    execute v_ddl;
  end loop;
end;
$$;

comment on function ampsync_private.strip_table(regclass)
  is 'Take from a table its policies, triggers, rules and places in publications.';
