#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# normalise.pl FILE: what llvm-dwarfdump says of FILE's entries, line tables and macros, with all
# that a faithful copy may change taken out, so that input and output of the identity pass can be
# compared as text:
#  - where things lie: offsets of entries, lists, tables, strings, abbreviations; lengths;
#  - references are by the ordinal of their target among all entries;
#  - forms: indexed addresses are resolved, numbers are decimal, string forms not told apart;
#  - version 2 and 3 count as 4, and .debug_macinfo as .debug_macro: the output is never older;
#  - a skeleton unit is one without a split part;
#  - tombstoned and empty entries of lists and dead line sequences, which the pass leaves out.
use strict;
use warnings;
no warnings 'portable';

my $dump = $ENV{DWARFDUMP} || 'llvm-dwarfdump-19';
my $file = shift or die "usage: normalise.pl FILE\n";
my (%ordinal, %addr, $base);
my $in = 4;

sub dump_of { open(my $f, '-|', "$dump @_ '$file' 2>/dev/null") or die; return $f }

# .debug_addr, each table at its offset behind its header
my ($at, $n) = (0, 0);
my $f = dump_of('--debug-addr');
while (<$f>) {
	if (/^Address table header: .*addr_size = 0x0(\d)/) { $at += 8; $in = $1 + 0 }
	elsif (/^0x([0-9a-f]+)$/) { $addr{$at} = hex $1; $at += $in }
}
close $f;

# $in: bytes of an address.  The dumper does not wrap at 32 bits what is relative to a tombstone.
sub dead { return $_[0] >= ($in == 4 ? 0xfffffffe : ~1) }
sub ref_to { my $o = $ordinal{hex $_[0]}; return defined $o ? "#$o" : "0x$_[0]" }
sub address
{
	my $v = defined $base ? $addr{$base + $in * hex $_[0]} : undef;
	return defined $v ? sprintf('0x%x', $v) : "?$_[0]";
}

sub expr
{
	local $_ = shift;
	s/DW_OP_addrx 0x([0-9a-f]+)/'DW_OP_addr ' . address($1)/ge;
	# a constant through the table may come out in any width
	s/DW_OP_constx 0x([0-9a-f]+)/'DW_OP_const ' . address($1)/ge;
	s/DW_OP_const[1248]u (0x[0-9a-f]+)/DW_OP_const $1/g;
	s/(DW_OP_(?:GNU_)?(?:convert|reinterpret|regval_type|deref_type|const_type|call2|call4|call_ref|implicit_pointer|entry_value\S*)[^,]*?)\(0x([0-9a-f]{8})(?: -> 0x([0-9a-f]+))?\)/$1 . '(' . ref_to($3 || $2) . ')'/ge;
	s/(DW_OP_(?:GNU_)?(?:call4|call2|call_ref|implicit_pointer|variable_value)) 0x([0-9a-f]+)/"$1 " . ref_to($2)/ge;
	return $_;
}

my %drop = map { $_ => 1 } qw(sibling str_offsets_base addr_base rnglists_base loclists_base
	GNU_addr_base GNU_ranges_base GNU_pubnames dwo_name GNU_dwo_name GNU_dwo_id);
my $constant = qr/const_value|_size|_offset|_id$|^(decl|call)_(file|line|column)|^data_/;
my $address = qr/^(low_pc|high_pc|entry_pc|call_return_pc|call_pc|GNU_call_site_value)$/;

sub number
{
	my $v = shift;
	return $v =~ /^0x[0-9a-f]{1,16}$/ ? sprintf('%u', hex $v) : $v;
}

sub attr
{
	my ($name, $v) = @_;

	return '= list' if $v =~ /^(indexed \(.*\) (range|loc)list = )?0x[0-9a-f]+:? *\)?$/ &&
		$name =~ /^(ranges|location|frame_base|start_scope|string_length|return_addr|static_link)$/;
	$v =~ s/\)$//;
	if ($name =~ $address) {
		$v =~ s/indexed \([0-9a-f]+\) address = //;
		$v =~ s/^0x0*(?=[0-9a-f])/0x/;
		return "= $v";
	}
	return "= $v" if $v =~ /^"/;
	return '= 1' if $v eq 'true';
	return "= $v" if $v =~ s/^<0x0*/<0x/;
	return '= ' . ref_to($1) . ($2 // '')
		if $v =~ /^0x((?:[0-9a-f]{8}){1,2})( ".*)?$/ && ($2 || $name !~ $constant && $ordinal{hex $1});
	return '= ' . number($v) if $v =~ /^-?(0x)?[0-9a-f]+$/;
	return '= ' . expr($v);
}

# entries OPTION: the entries of a section
sub entries
{
	my $f = dump_of($_[0]);
	my @info;
	while (<$f>) {
		last if /^\.debug_info\.dwo contents/; # not the pass's business
		push @info, $_;
	}
	close $f;

	# references by ordinal
	%ordinal = ();
	$n = 0;
	for (@info) { $ordinal{hex $1} = ++$n if /^0x([0-9a-f]+): +DW_TAG/ }

	my ($dead_at, $depth) = (0, 0); # how deep the dead function in work stands; 0: none
	for (@info) {
		chomp;
		if (/^0x[0-9a-f]+:( +)(DW_TAG_\w+)/) {
			$depth = length $1;
			$dead_at = 0 if $depth <= $dead_at;
			print $1, $2 eq 'DW_TAG_skeleton_unit' ? 'DW_TAG_compile_unit' : $2, "\n";
			next;
		}
		if (/^\s+DW_AT_(\w+)\t\((.*)/s) {
			my ($name, $v) = ($1, $2);
			$base = hex $1 if $name eq 'addr_base' && $v =~ /0x([0-9a-f]+)/;
			next if $drop{$name};
			$dead_at = $depth if $name eq 'low_pc' && $depth > 1 && !$dead_at && $v =~ /^dead code/;
			$name = 'macros' if $name =~ /^(macro_info|GNU_macros)$/;
			$v = 'somewhere' if $name =~ /^(stmt_list|macros)$/;
			print "  $name ", attr($name, $v), "\n";
			next;
		}
		if (/^\s+\[0x([0-9a-f]+), *0x([0-9a-f]+)\)(?: (".*?"))?(?:: (.*))?/) {
			my ($lo, $hi, $x) = (hex $1, hex $2, defined $4 ? expr($4) : '');
			# brackets close behind the last one, which may have been left out
			$x =~ s/\)$// if ($x =~ tr/)//) > ($x =~ tr/(//);
			printf "    [%x, %x) %s\n", $lo, $hi, $x unless $dead_at || $lo >= $hi || dead($lo);
			next;
		}
		if (/^0x[0-9a-f]+: (\w+ Unit): .*version = 0x000(\d), (?:unit_type = (\w+), )?.*addr_size = (\w+)/) {
			my ($kind, $version, $type, $size) = ($1, $2, $3 // '', $4);

			$type =~ s/skeleton/compile/;
			$base = $version >= 5 ? 8 : undef;
			$in = hex $size;
			print "UNIT $kind version ", $version < 4 ? 4 : $version, " $type $size\n";
			next;
		}
		next if /^0x[0-9a-f]+: +NULL|^\s*\)?$|file format|contents:$/;
		print expr($_), "\n";
	}
}

entries('--debug-info');
entries('--debug-types');

my ($header, @sequence) = ('');
$f = dump_of('--debug-line');
while (<$f>) {
	if (/^0x([0-9a-f]{16}) /) {
		my $at = $1;
		my $end = /end_sequence/;

		# of a row that ends a sequence only the address counts
		push @sequence, $end ? "0x$at end_sequence\n" : $_;
		next unless $end;
		if ($sequence[0] =~ /^0x([0-9a-f]+)/ && !dead(hex $1)) {
			print $header, @sequence;
			$header = '';
		}
		@sequence = ();
		next;
	}
	$header = '' if /^debug_line\[/; # a table without live rows
	next if /^debug_line\[|_length: |line_(base|range): |opcode_base: |max_ops_per_inst: |standard_opcode|^Address|^---|file format|^\s*$/;
	s/^( *version: )[23]/${1}4/;
	s/\.debug_line_str\[0x[0-9a-f]+\] = //;
	$header .= $_;
}
close $f;

$f = dump_of('--debug-macro');
while (<$f>) {
	next if /^0x|^\s*$|contents:|file format|^macro header/;
	s/DW_MAC(?:RO_GNU|INFO|RO)_/DW_MACRO_/;
	s/_indirect|_str[xp]//;
	print;
}
