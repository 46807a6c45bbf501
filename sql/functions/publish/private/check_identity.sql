-- Refuses, with SY402, an identity under which PostgreSQL would refuse UPDATE and DELETE on the
-- table: whole old rows where another publication has a list of columns or a column is virtual; the
-- key where it can be deferred, or where another publication filters by more than it. And the
-- key where a shape filters by other columns.
create or replace function ampsync_private.check_identity(
  p_relation regclass,
  p_identity text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_other text;
  v_key   text[] := array(select a.attname::text
                            from pg_index i
                            join pg_attribute a on a.attrelid = i.indrelid
                                              and a.attnum = any (ampsync_private.index_key_columns(i.indexrelid))
                           where i.indrelid = p_relation and i.indisprimary);
begin
  if p_identity = 'full' then
    v_other := ampsync_private.full_obstacle(p_relation);
    if v_other is not null then
      perform ampsync_private.raise_unpublishable(p_relation, v_other,
        'With whole old rows PostgreSQL would refuse UPDATE and DELETE on it.',
        format('select ampsync.publish(%L, identity => ''key'');', p_relation));
    end if;
    return;
  end if;

  if exists (select from ampsync_private.identity_tables(p_relation) t
              join pg_index i on i.indrelid = t.relation
             where i.indisprimary and not i.indimmediate and not ampsync_private.identity_fits(t.relation, 'key')) then
    perform ampsync_private.raise_unpublishable(p_relation, 'its primary key can be deferred',
      'PostgreSQL would refuse UPDATE and DELETE.', format('select ampsync.publish(%L);', p_relation));
  end if;
  select s.name into v_other
    from ampsync_private.published p
    join ampsync_private.shape s using (published_id)
   where p.relation = p_relation
     and not (ampsync_private.bound_columns(s.bind) || coalesce(s.filter_columns, '{}') <@ v_key)
   order by s.name
   limit 1;
  if found then
    perform ampsync_private.raise_unpublishable(p_relation, format('the shape %L looks at more than its key', v_other),
      'With the key alone nobody would know that a row has left it.',
      format('select ampsync.drop_shape(%L);', v_other));
  end if;
  select string_agg(distinct quote_ident(p.pubname), ', ') into v_other
    from ampsync_private.identity_tables(p_relation) t
    join pg_publication_rel r on r.prrelid = t.relation
    join pg_publication p on p.oid = r.prpubid
    join pg_depend d on d.classid = 'pg_publication_rel'::regclass and d.objid = r.oid
                    and d.refclassid = 'pg_class'::regclass and d.refobjid = t.relation
    join pg_attribute a on a.attrelid = t.relation and a.attnum = d.refobjsubid
   where p.pubname <> 'ampsync' and r.prqual is not null and r.prattrs is null and (p.pubupdate or p.pubdelete)
     and a.attname <> all (v_key)
     and not ampsync_private.identity_fits(t.relation, 'key');
  if v_other is not null then
    perform ampsync_private.raise_unpublishable(p_relation, 'another publication filters by more than its key',
      format('With the key alone PostgreSQL would refuse UPDATE and DELETE: %s.', v_other),
      format('select ampsync.publish(%L);', p_relation));
  end if;
end;
$$;

comment on function ampsync_private.check_identity(regclass, text)
  is 'Refuse an identity under which UPDATE and DELETE of the application would fail.';
