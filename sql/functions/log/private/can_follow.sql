-- Whether clients follow new columns of a published target by statements: columns were added at the end that are
-- null in all rows, or NOT NULL and defaults of others changed. Anything else may have changed rows, and is a new
-- floor.
create or replace function ampsync_private.can_follow(
  p_noted jsonb,
  p_found jsonb
)
  returns boolean
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select not exists (
    select 1
      from jsonb_array_elements(p_noted) with ordinality o(col, n)
      full join jsonb_array_elements(p_found) with ordinality f(col, n) using (n)
     where case when o.col is null
                  then f.col ->> 'default' is not null or f.col ->> 'generated' is not null
                       or (f.col ->> 'not_null')::boolean
                else o.col - '{not_null,default}'::text[] is distinct from f.col - '{not_null,default}'::text[] end);
$$;

comment on function ampsync_private.can_follow(jsonb, jsonb)
  is 'Whether clients follow new columns of a published target by statements.';
