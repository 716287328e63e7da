#!/usr/bin/env perl
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Runs TAP tests as prove does and ends with the line "N passed, N failed", counted over TAP
# points.  A test that dies, lies about its plan or exits badly without a failed point counts as
# one failure, so that the line can be trusted alone.
use strict;
use warnings;
use Getopt::Long;
use TAP::Harness;

my $jobs = 1;
GetOptions('jobs=i' => \$jobs) or exit 2;

my $harness = TAP::Harness->new({
	jobs => $jobs,
	merge => 0,
	verbosity => $ENV{VERBOSE} ? 1 : 0,
	failures => 1,
	exec => sub { [-x $_[1] ? () : 'bash', $_[1]] },
});
my $all = $harness->runtests(map { [$_, s{.*/(unit|cases|debugger|lint)/}{$1/}r] } @ARGV);

my $failed = $all->failed;
for my $parser (map { $all->parsers($_) } $all->descriptions) {
	$failed++ if $parser->has_problems && !$parser->failed;
}
my $skipped = $all->skipped + grep { defined $_->skip_all } map { $all->parsers($_) }
	$all->descriptions;
print "$skipped skipped\n" if $skipped;
printf "%d passed, %d failed\n", $all->passed - $all->skipped, $failed;
exit($failed ? 1 : 0);
