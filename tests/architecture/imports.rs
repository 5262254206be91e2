//! Reads which file imports from which, with `syn`. Follows re-exports to the definition.
//!
//! `mod x;` and `pub use x::Name` in a parent do not count as imports: they only say
//! where items are. Code under `#[cfg(test)]` is ignored.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

use crate::workspace::Workspace;

/// For each file, the files that it imports from.
pub type Imports = BTreeMap<Utf8PathBuf, BTreeSet<Utf8PathBuf>>;

/// The path of a module in its crate: `["scores", "plane"]`. The crate's root is empty.
type ModulePath = Vec<String>;

/// One module and the names in it.
struct Module {
    file: Utf8PathBuf,
    items: Vec<Item>,
    defined: BTreeSet<String>,
    /// Names that a `use` imports, each with its full path.
    used: BTreeMap<String, Vec<String>>,
    /// Paths of `use path::*`.
    globs: Vec<Vec<String>>,
    /// Names that are re-exported: their `use` does not count as an import, their use in code does.
    exported: BTreeSet<String>,
}

/// All modules of one crate.
struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

/// Reads the imports among the files of one crate.
pub fn of_crate(workspace: &Workspace, folder: &str) -> Imports {
    let mut krate = Crate { modules: BTreeMap::new() };
    let root = Utf8Path::new(folder).join("src/lib.rs");
    krate.add_file(workspace, &root, Vec::new());
    krate.imports()
}

/// Every group of files that import each other, directly or through others.
pub fn cycles(imports: &Imports) -> Vec<Vec<&Utf8Path>> {
    let reached: BTreeMap<&Utf8Path, BTreeSet<&Utf8Path>> =
        imports.keys().map(|file| (file.as_path(), reach(imports, file))).collect();
    let mut groups = BTreeSet::new();
    for (file, reach) in &reached {
        let mutual: Vec<_> =
            reach.iter().copied().filter(|other| reached[other].contains(file)).collect();
        if mutual.len() > 1 {
            groups.insert(mutual);
        }
    }
    groups.into_iter().collect()
}

fn reach<'a>(imports: &'a Imports, start: &Utf8Path) -> BTreeSet<&'a Utf8Path> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(file) = waiting.pop() {
        for next in &imports[file] {
            if seen.insert(next.as_path()) {
                waiting.push(next);
            }
        }
    }
    seen
}

impl Crate {
    /// Adds a file's module and, through its `mod` items, all modules below it.
    fn add_file(&mut self, workspace: &Workspace, file: &Utf8Path, path: ModulePath) {
        let syntax = syn::parse_file(&workspace.read_file(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        self.add_module(workspace, file, path, syntax.items);
    }

    fn add_module(
        &mut self,
        workspace: &Workspace,
        file: &Utf8Path,
        path: ModulePath,
        items: Vec<Item>,
    ) {
        let mut module = Module {
            file: file.to_owned(),
            items: Vec::new(),
            defined: BTreeSet::new(),
            used: BTreeMap::new(),
            globs: Vec::new(),
            exported: BTreeSet::new(),
        };
        for item in items {
            if is_test(attributes(&item)) {
                continue;
            }
            if let Some(name) = name_of(&item) {
                module.defined.insert(name);
            }
            match item {
                Item::Mod(inner) => {
                    let below: ModulePath =
                        path.iter().cloned().chain([inner.ident.to_string()]).collect();
                    match inner.content {
                        Some((_, items)) => self.add_module(workspace, file, below, items),
                        None => {
                            self.add_file(workspace, &file_of(workspace, file, &below), below);
                        }
                    }
                }
                Item::Use(item) => {
                    let exported = !matches!(item.vis, Visibility::Inherited);
                    module.add_use(&item.tree, &mut Vec::new(), exported);
                }
                item => module.items.push(item),
            }
        }
        self.modules.insert(path, module);
    }

    /// The file that defines what a path in a module names; none for what is outside the crate.
    fn resolve(&self, from: &ModulePath, path: &[String], depth: usize) -> Option<&Utf8Path> {
        let module = self.modules.get(from)?;
        let (first, rest) = path.split_first()?;
        let enter = |module: ModulePath| -> Option<&Utf8Path> {
            let below = self.modules.get(&module)?;
            if rest.is_empty() { Some(&below.file) } else { self.resolve(&module, rest, depth) }
        };
        match first.as_str() {
            "crate" => return enter(Vec::new()),
            "self" => return enter(from.clone()),
            "super" => return enter(from.split_last()?.1.to_vec()),
            _ => {}
        }
        let child: ModulePath = from.iter().cloned().chain([first.clone()]).collect();
        if self.modules.contains_key(&child) {
            return enter(child);
        }
        if module.defined.contains(first) {
            return Some(&module.file);
        }
        // A limit on the depth, so that a cycle of re-exports ends.
        let depth = depth.checked_sub(1)?;
        if let Some(used) = module.used.get(first) {
            let whole: Vec<String> = used.iter().chain(rest).cloned().collect();
            return self.resolve(from, &whole, depth);
        }
        module.globs.iter().find_map(|glob| {
            let whole: Vec<String> = glob.iter().chain(path).cloned().collect();
            self.resolve(from, &whole, depth)
        })
    }

    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (path, module) in &self.modules {
            let mut named = Paths::default();
            module.items.iter().for_each(|item| named.visit_item(item));
            let private = module.used.iter().filter(|(name, _)| !module.exported.contains(*name));
            named.found.extend(private.map(|(_, path)| path.clone()));
            let files = named.found.iter().filter_map(|named| self.resolve(path, named, 8));
            let others = files.filter(|file| *file != module.file).map(Utf8Path::to_owned);
            imports.entry(module.file.clone()).or_default().extend(others);
        }
        imports
    }
}

impl Module {
    fn add_use(&mut self, tree: &UseTree, before: &mut Vec<String>, exported: bool) {
        let mut add = |name: String, path: Vec<String>| {
            if exported {
                self.exported.insert(name.clone());
            }
            self.used.insert(name, path);
        };
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_use(&path.tree, before, exported);
                before.pop();
            }
            UseTree::Name(name) if name.ident == "self" => {
                add(before.last().cloned().unwrap_or_default(), before.clone());
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                add(name.clone(), before.iter().cloned().chain([name]).collect());
            }
            UseTree::Rename(rename) => {
                let path = before.iter().cloned().chain([rename.ident.to_string()]).collect();
                add(rename.rename.to_string(), path);
            }
            UseTree::Glob(_) => self.globs.push(before.clone()),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, before, exported);
                }
            }
        }
    }
}

/// Collects the paths that code names, those inside macros too.
#[derive(Default)]
struct Paths {
    found: BTreeSet<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.found
                .insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let text = item.tokens.to_string().replace(" :: ", "::");
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let paths = text.split(|c| !is_name(c)).filter(|path| path.contains("::"));
        self.found.extend(paths.map(|path| path.split("::").map(str::to_owned).collect()));
        visit::visit_macro(self, item);
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    /// Skips `pub(crate)` and `pub(super)`, which name a module and import nothing.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}
}

/// The file of a module that `parent` declares: `x.rs` or `x/mod.rs`.
fn file_of(workspace: &Workspace, parent: &Utf8Path, module: &ModulePath) -> Utf8PathBuf {
    let name = module.last().expect("a declared module has a name");
    let folder = parent.parent().expect("a file lies in a folder");
    let stem = parent.file_stem().expect("a file has a name");
    let own = if ["lib", "mod"].contains(&stem) { folder.to_owned() } else { folder.join(stem) };
    let beside = own.join(format!("{name}.rs"));
    let exists = workspace.root.join(&beside).is_file();
    if exists { beside } else { own.join(name).join("mod.rs") }
}

fn is_test(attributes: &[Attribute]) -> bool {
    let says_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    };
    attributes.iter().any(says_test)
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
