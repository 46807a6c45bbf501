-- Whether a client that stands at a position has its table in a form that will be another: rows that are loaded into it
-- now would lack columns.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.has_form_to_come(
  p_published_id integer,
  p_after        bigint
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select exists (select from ampsync_private.forms_to_come(p_published_id, p_after))
           or exists (select from ampsync_private.published p
                       where p.published_id = p_published_id
                         and ampsync_private.present_columns(p) <> p.columns));
end;
$$;

comment on function ampsync_private.has_form_to_come(integer, bigint)
  is 'Whether a client that stands at a position has its table in a form that will be another.';
