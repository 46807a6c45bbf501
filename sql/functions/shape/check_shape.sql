-- Where a shape and the row level security of its table differ: keys of rows that a client with these claims gets and
-- the role would not see, and the reverse. For tests of one's own: nobody asks it else, since shapes know no policies.
--
-- role    is set for the look at the table, with claims as request.jwt.claims; the caller must be allowed to
-- params  what the client wishes, where the shape has parameters
--
-- seen_by  `shape` or `role`: which of the two has the row
create or replace function ampsync.check_shape(
  name   text,
  role   name,
  claims jsonb default '{}',
  params jsonb default '{}'
)
  returns table (row_key text, seen_by text)
  language plpgsql
  volatile
  security invoker -- A role cannot be set within a function that has its owner's rights.
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_plan   record;
  v_role   text := current_setting('role');
  v_claims text := coalesce(current_setting('request.jwt.claims', true), '');
  v_rls    text := current_setting('row_security');
  v_keys   text[];
begin
  select * into v_plan from ampsync.plan_shape_check(check_shape.name, check_shape.claims, check_shape.params);
  perform set_config('request.jwt.claims', check_shape.claims::text, true),
          set_config('row_security', 'on', true),
          set_config('role', check_shape.role, true);
  execute v_plan.statement into v_keys; -- An error takes the settings back as well.
  perform set_config('role', v_role, true),
          set_config('row_security', v_rls, true),
          set_config('request.jwt.claims', v_claims, true);
  return query
    select s.key, 'shape' from unnest(v_plan.shape_keys) s(key) where s.key <> all (v_keys)
    union all
    select k.key, 'role' from unnest(v_keys) k(key) where k.key <> all (v_plan.shape_keys)
    order by 1, 2;
end;
$$;

comment on function ampsync.check_shape(text, name, jsonb, jsonb)
  is 'Where a shape and the row level security of its table differ, for a role with some claims.';
