-- What a change of a published table means to whoever follows its log. Pure: everything it looks at is given.
--
-- p_noted  {"relation", "state", "schema", "table", "columns", "storage"} of `published`
-- p_found  as read_form gives it; columns are null where the catalogue is ahead of the Relation message that tells
--          of a change
-- p_truncates  transactions of the log that truncate the table
-- p_is_look  storage and columns were read before a message that stands here in WAL (a look): storage is judged, too.
--            Otherwise a Relation message stands here, and storage is that of now
--
-- Returns {"verdict", "reason", "renamed", "columns_differ"}. Verdicts, the first that fits:
--   ended    the table is gone, or its name is that of another one
--   failed   it could not be published as it is
--   floor    rows may differ without a change in the log, or followers could not keep up by statements: load it anew
--   added    columns at the end: old rows have their default of then
--   found    not-null or defaults differ
--   renamed  the table has another name
--   renew    storage is another one, rows are the same
--   none     nothing
create or replace function ampsync_private.judge_form(
  p_noted     jsonb,
  p_found     jsonb,
  p_truncates text[],
  p_is_look   boolean
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with noted as (
    select c.col, c.n from jsonb_array_elements(p_noted -> 'columns') with ordinality c(col, n)
  ),
  found as (
    select c.col, c.n
      from jsonb_array_elements(case jsonb_typeof(p_found -> 'columns') when 'array' then p_found -> 'columns'
                                     else '[]' end) with ordinality c(col, n)
  ),
  leaf as (
    select o.what as old, f.what as new,
           o.what ->> 'file' is distinct from f.what ->> 'file' as is_other_file
      from jsonb_each(p_noted -> 'storage' -> 'leaves') o(oid, what)
      full join jsonb_each(p_found -> 'storage' -> 'leaves') f(oid, what) using (oid)
  ),
  facts as (
    select p_noted -> 'storage' -> 'leaves' -> (p_noted ->> 'relation') ->> 'file' = '0' as is_partitioned,
           p_noted -> 'storage' -> 'leaves' -> (p_noted ->> 'relation') ->> 'attributes' is distinct from
             p_found -> 'storage' -> 'leaves' -> (p_noted ->> 'relation') ->> 'attributes' as is_other_hash,
           (p_noted ->> 'schema', p_noted ->> 'table') is distinct from
             (p_found ->> 'schema', p_found ->> 'table') as renamed,
           -- One that was only noted by a message has no number: it is not known to be the same.
           exists (select 1
                     from noted n
                     left join found f using (n)
                    where n.col ->> 'attnum' is null
                       or f.col is null
                       or (n.col - '{not_null,default,client_type}'::text[])
                            <> (f.col - '{not_null,default,client_type}'::text[])) as other_columns,
           exists (select 1 from noted n join found f using (n)
                    where n.col -> 'not_null' <> f.col -> 'not_null'
                       or n.col -> 'default' is distinct from f.col -> 'default') as other_defaults,
           (select count(*) from found f where f.n > jsonb_array_length(p_noted -> 'columns')) as added,
           exists (select 1
                     from found f
                    where f.n > jsonb_array_length(p_noted -> 'columns')
                      and ((f.col ->> 'key')::boolean
                           or f.col ->> 'generated' is not null
                           or (f.col ->> 'attnum')::integer <> (p_noted -> 'storage' ->> 'natts')::integer
                                + f.n - jsonb_array_length(p_noted -> 'columns'))) as odd_addition,
           (p_found -> 'storage' ->> 'natts')::integer - (p_noted -> 'storage' ->> 'natts')::integer as natts_rise,
           coalesce((p_found ->> 'unsure')::boolean, false) as is_unsure
  ),
  storage as (
    select coalesce(bool_or(l.old is not null and l.is_other_file), false) as other_file,
           coalesce(bool_or(l.old is not null and l.new is null), false) as leaf_gone,
           coalesce(bool_or(l.old is null and l.new ->> 'file' <> '0'
                            and not coalesce((l.new ->> 'empty')::boolean, false)), false) as leaf_came,
           coalesce(bool_or(l.old is not null and l.new is not null
                            and l.old ->> 'inherits' is distinct from l.new ->> 'inherits'), false) as leaf_again,
           coalesce(bool_or(l.old is not null and l.new is not null and l.is_other_file
                            and (l.old ->> 'attributes' is distinct from l.new ->> 'attributes'
                                 or not coalesce(l.new ->> 'emptied_by' = any (p_truncates), false))),
                    false) as leaf_file,
           exists (select 1
                     from jsonb_each_text(p_noted -> 'storage' -> 'enums') o(oid, label)
                     join jsonb_each_text(p_found -> 'storage' -> 'enums') f(oid, label) using (oid)
                    where o.label <> f.label) as other_label
      from leaf l
  ),
  verdict as (
    select case
      when (p_found ->> 'gone')::boolean then array['ended', 'The table was dropped.']
      when (p_found ->> 'taken')::boolean then array['ended', 'Its name is that of another table.']
      when p_found ->> 'refused' is not null then array['failed', p_found ->> 'refused']
      when p_noted ->> 'state' = 'failed' then array['floor', 'It can be published again.']
      when jsonb_typeof(p_found -> 'columns') is distinct from 'array'
        then array['floor', 'Its columns changed, and changed again.']
      when f.other_columns then array['floor', 'Columns were dropped, renamed or made otherwise, or the key changed.']
      when f.added > 0 and (f.odd_addition or f.natts_rise <> f.added)
        then array['floor', 'Columns were added, and not as they are now.']
      when f.added > 0 and (s.other_file or f.is_unsure)
        then array['floor', 'Columns were added, and the table was rewritten.']
      when p_is_look and not f.is_partitioned and s.other_file and f.is_other_hash
        then array['floor', 'The table was rewritten.']
      when p_is_look and s.leaf_gone then array['floor', 'A partition was detached or dropped.']
      when p_is_look and s.leaf_came then array['floor', 'A partition came with rows.']
      when p_is_look and s.leaf_again then array['floor', 'A partition was attached again.']
      when p_is_look and f.is_partitioned and s.leaf_file
        then array['floor', 'A partition was rewritten, or emptied by itself.']
      when p_is_look and s.other_label then array['floor', 'A label of an enum was renamed.']
      when f.added > 0 then array['added', 'Columns were added.']
      when f.other_defaults then array['found', 'Not-null or defaults changed.']
      when f.renamed then array['renamed', 'The table was renamed.']
      when p_is_look and (p_noted -> 'storage') - 'publication'
                         <> ampsync_private.noted_storage(p_found -> 'storage') - 'publication'
        then array['renew', 'Its storage changed, its rows did not.']
      else array['none', null] end as verdict
      from facts f, storage s
  )
  select jsonb_build_object('verdict', v.verdict[1],
                            'reason', v.verdict[2],
                            'renamed', f.renamed,
                            'columns_differ', f.other_columns or f.added > 0 or f.other_defaults)
    from verdict v, facts f;
$$;

comment on function ampsync_private.judge_form(jsonb, jsonb, text[], boolean)
  is 'What a change of a published table means to whoever follows its log: the table of verdicts.';
