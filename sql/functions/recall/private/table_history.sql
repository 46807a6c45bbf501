-- The publications, past ones too, whose rows are the history of a table, newest first: of the table itself, or of
-- what had its name. Only those of captured tables have rows. SY401 if there is none, 42501 if the caller may not
-- look.
--
-- p_target  its name with its schema, which may be that of a table that is gone
create or replace function ampsync_private.table_history(
  p_target text
)
  returns integer[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation regclass := to_regclass(p_target);
  v_schema   text;
  v_table    text;
  v_ids      integer[];
begin
  select n.nspname, c.relname into v_schema, v_table
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = v_relation;
  if v_schema is null and cardinality(parse_ident(p_target)) = 2 then
    v_schema := (parse_ident(p_target))[1];
    v_table := (parse_ident(p_target))[2];
  end if;

  v_ids := array(select p.published_id
                   from ampsync_private.published p
                  where p.mode = 'rows'
                    and (p.relation = v_relation or (p.schema_name, p.table_name) = (v_schema, v_table))
                  order by p.published_id desc);
  if v_ids = '{}' then
    if exists (select from ampsync_private.published p where p.relation = v_relation) then
      perform ampsync_private.raise_not_published(p_target, 'has no history of rows',
                'It is a table of a dataset: its blocks are in the table itself.',
                format('select * from %s where _block_num <= 1000; -- As it was at a block.', p_target));
    end if;
    perform ampsync_private.raise_not_published(p_target, 'is not published, and was not',
              'History begins when a table is published. A name is given with its schema.',
              format('select ampsync.publish(%L);', p_target));
  end if;
  perform ampsync_private.check_may_look_back(p_target, v_relation);
  return v_ids;
end;
$$;

comment on function ampsync_private.table_history(text)
  is 'The publications, past ones too, whose rows are the history of a table.';
