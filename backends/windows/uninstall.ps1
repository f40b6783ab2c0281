# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Undoes install.ps1: weak host send and receive as they were before, the loopback adapter with the virtual addresses away.

.DESCRIPTION
A value that somebody changed since is left alone. Where install.ps1 was not run there is nothing to do, and it says so.

.EXAMPLE
.\uninstall.ps1

.EXAMPLE
.\uninstall.ps1 -WhatIf
#>
[CmdletBinding(SupportsShouldProcess)]
param()

$ErrorActionPreference = 'Stop'
. (Join-Path -Path $PSScriptRoot -ChildPath 'common.ps1')
. (Join-Path -Path $PSScriptRoot -ChildPath 'loopback.ps1')

function Restore-HostModel {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)]
        [object] $Before
    )

    $of = @{ InterfaceAlias = $Before.InterfaceAlias; AddressFamily = $Before.AddressFamily }
    $now = Get-NetIPInterface @of -ErrorAction SilentlyContinue
    if ($null -eq $now) {
        return
    }
    foreach ($name in 'WeakHostSend', 'WeakHostReceive') {
        # install.ps1 left it Enabled: anything else is somebody's later choice.
        if ($Before.$name -eq 'Enabled' -or [string] $now.$name -ne 'Enabled') {
            continue
        }
        if ($PSCmdlet.ShouldProcess("$($Before.InterfaceAlias), $($Before.AddressFamily)", "$name $($Before.$name)")) {
            $value = @{ $name = $Before.$name }
            Set-NetIPInterface @of @value
            Write-Information -MessageData "back: $name $($Before.$name) on $($Before.InterfaceAlias), $($Before.AddressFamily)" -InformationAction Continue
        }
    }
}

Assert-Elevated
$state = Read-State
if ($null -eq $state -and $null -eq (Get-NetAdapter -Name $FairleadAdapter -ErrorAction SilentlyContinue)) {
    Write-Information -MessageData 'nothing to undo: install.ps1 was not run here' -InformationAction Continue
    return
}
# The adapter first: without its address no packet for a VIP is taken any more.
Remove-LoopbackAdapter -Name $FairleadAdapter
if ($null -ne $state) {
    foreach ($before in @($state.hostModels)) {
        Restore-HostModel -Before $before
    }
    if ($PSCmdlet.ShouldProcess($FairleadState, 'Remove the notes')) {
        Remove-Item -LiteralPath $FairleadState
    }
}
