-- Makes a shape, or replaces the one of that name: the rows of a published table that clients may subscribe to. Clients
-- of a shape that is defined otherwise from now on load it anew, and a notice says so. Idempotent.
--
-- bind        columns whose value comes from the client's token ("claim:sub"; "claim:teams[]": an instance an element)
--             or wish ("param:address"). A row is in an instance if every bound column equals its value
-- filter      one condition over the row alone, immutable
-- columns     what clients have of the table; null: all, also those that come later. Its key and the bound ones among
--             them
-- keep_blocks of a dataset's table: the newest blocks only, here and in clients
-- public      needed where nothing is bound to a claim
-- unindexed   an instance is read without an index; then it has no parameters
-- rls         of a table with row level security, which shapes do not know: `ignore` lets a public shape show it
--
-- Refused with SY413 what cannot be, with SY401 a table that is not published.
create or replace function ampsync.create_shape(
  name        text,
  relation    regclass,
  bind        jsonb default '{}',
  filter      text default null,
  columns     text[] default null,
  keep_blocks bigint default null,
  public      boolean default false,
  unindexed   boolean default false,
  rls         text default 'check'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set row_security = off
as $$
declare
  v_shape ampsync_private.shape;
  v_was   text; -- The definition that it had.
begin
  if coalesce(create_shape.name, '') !~ '^.{1,100}$' then
    perform ampsync_private.raise_shape(create_shape.name, 'a name has 1 to 100 characters',
      'Clients ask for it by its name.', 'Give it a name such as my_todos.');
  end if;
  v_shape.name := create_shape.name;
  v_shape.published_id := ampsync_private.shape_target(create_shape.relation);
  v_shape.bind := coalesce(create_shape.bind, '{}');
  v_shape.filter := create_shape.filter;
  v_shape.columns := create_shape.columns;
  v_shape.keep_blocks := create_shape.keep_blocks;
  v_shape.public := coalesce(create_shape.public, false);
  v_shape.unindexed := coalesce(create_shape.unindexed, false);
  v_shape.rls := create_shape.rls;
  v_was := (select s.definition from ampsync_private.shape s where s.name = create_shape.name);
  perform ampsync_private.make_shape(v_shape);
  if v_was <> (select s.definition from ampsync_private.shape s where s.name = create_shape.name) then
    raise notice using
      message = format('shape %L was there and has another definition now: clients that have it load it anew',
                       create_shape.name),
      hint    = format('select * from ampsync.shapes where name = %L;', create_shape.name);
  end if;
  notify ampsync_log;
end;
$$;

comment on function ampsync.create_shape(text, regclass, jsonb, text, text[], bigint, boolean, boolean, text)
  is 'Make a shape, or replace it: the rows of a published table that clients may subscribe to.';
