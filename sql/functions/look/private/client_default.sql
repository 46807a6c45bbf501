-- A default as clients have it: constants, and the functions that they have, too. Null for any other.
create or replace function ampsync_private.client_default(
  p_expression text
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_expression ~ '^((now|clock[_]timestamp|gen_random_uuid)[(][)]|CURRENT[_]TIMESTAMP)$' then p_expression
    -- Of a cast the literal: its type is that of the column.
    else substring(p_expression from
           '^[(]?(E?''(?:[^'']|'''')*''|-?[0-9.]+|true|false)[)]?(?:::[a-z_0-9". ]+(?:[[]])?)?$')
    end;
$$;

comment on function ampsync_private.client_default(text)
  is 'A default as clients have it: constants and few functions; null for any other.';
