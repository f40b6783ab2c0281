# SPDX-License-Identifier: Apache-2.0
# Makes a Microsoft KM-TEST loopback adapter and takes it away: the pnputil of Windows Server 2022 removes devices and adds
# none, so this calls SetupAPI, as devcon of the driver kit does.
# Dot-sourced by install.ps1 and uninstall.ps1. Invariant: an adapter of another name is never touched.

$FairleadSetupApi = @'
using System;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Fairlead {
    public static class Device {
        [StructLayout(LayoutKind.Sequential)]
        struct DevInfoData {
            public int Size;
            public Guid Class;
            public int DevInst;
            public IntPtr Reserved;
        }

        [DllImport("setupapi.dll", SetLastError = true)]
        static extern IntPtr SetupDiCreateDeviceInfoList(ref Guid deviceClass, IntPtr parent);
        [DllImport("setupapi.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        static extern bool SetupDiCreateDeviceInfoW(IntPtr list, string name, ref Guid deviceClass, string description, IntPtr parent, int flags, ref DevInfoData device);
        [DllImport("setupapi.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        static extern bool SetupDiSetDeviceRegistryPropertyW(IntPtr list, ref DevInfoData device, int property, byte[] value, int bytes);
        [DllImport("setupapi.dll", SetLastError = true)]
        static extern bool SetupDiCallClassInstaller(int function, IntPtr list, ref DevInfoData device);
        [DllImport("setupapi.dll")]
        static extern bool SetupDiDestroyDeviceInfoList(IntPtr list);
        [DllImport("newdev.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        static extern bool UpdateDriverForPlugAndPlayDevicesW(IntPtr parent, string hardwareId, string inf, int flags, out bool reboot);

        const int GenerateId = 1;        // DICD_GENERATE_ID
        const int HardwareIds = 1;       // SPDRP_HARDWAREID
        const int RegisterDevice = 0x19; // DIF_REGISTERDEVICE
        static readonly IntPtr None = new IntPtr(-1);

        // Adds a root-enumerated network adapter and installs its driver. True: Windows wants a restart.
        public static bool AddNetworkAdapter(string hardwareId, string inf) {
            var net = new Guid("4d36e972-e325-11ce-bfc1-08002be10318"); // GUID_DEVCLASS_NET
            var list = SetupDiCreateDeviceInfoList(ref net, IntPtr.Zero);
            if (list == None) throw new Win32Exception();
            try {
                var device = new DevInfoData();
                device.Size = Marshal.SizeOf(device);
                if (!SetupDiCreateDeviceInfoW(list, "Net", ref net, null, IntPtr.Zero, GenerateId, ref device)) throw new Win32Exception();
                var ids = Encoding.Unicode.GetBytes(hardwareId + "\0\0"); // REG_MULTI_SZ
                if (!SetupDiSetDeviceRegistryPropertyW(list, ref device, HardwareIds, ids, ids.Length)) throw new Win32Exception();
                if (!SetupDiCallClassInstaller(RegisterDevice, list, ref device)) throw new Win32Exception();
            } finally {
                SetupDiDestroyDeviceInfoList(list);
            }
            bool reboot;
            if (!UpdateDriverForPlugAndPlayDevicesW(IntPtr.Zero, hardwareId, inf, 0, out reboot)) throw new Win32Exception();
            return reboot;
        }
    }
}
'@

function New-LoopbackAdapter {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)]
        [string] $Name,

        [Parameter(Mandatory)]
        [string] $HardwareId
    )

    if (-not $PSCmdlet.ShouldProcess($Name, 'Add a Microsoft KM-TEST loopback adapter')) {
        return
    }
    if (-not ('Fairlead.Device' -as [type])) {
        Add-Type -TypeDefinition $FairleadSetupApi
    }
    $there = @(Get-NetAdapter).InterfaceGuid
    $wantsRestart = [Fairlead.Device]::AddNetworkAdapter($HardwareId, (Join-Path -Path $env:WINDIR -ChildPath 'inf\netloop.inf'))
    $made = @(Get-NetAdapter | Where-Object -Property InterfaceGuid -NotIn -Value $there)
    if ($made.Count -ne 1) {
        throw "Windows made $($made.Count) adapters where one was asked for$(if ($wantsRestart) { '; it wants a restart' }). Look at Get-NetAdapter."
    }
    Rename-NetAdapter -InputObject $made[0] -NewName $Name
    Write-Information -MessageData "added: adapter $Name (Microsoft KM-TEST Loopback Adapter)" -InformationAction Continue
}

function Remove-LoopbackAdapter {
    [CmdletBinding(SupportsShouldProcess)]
    param(
        [Parameter(Mandatory)]
        [string] $Name
    )

    $adapter = Get-NetAdapter -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $adapter) {
        return
    }
    if ($PSCmdlet.ShouldProcess($Name, 'Remove the loopback adapter with its addresses')) {
        $answer = & "$env:WINDIR\System32\pnputil.exe" /remove-device $adapter.PnPDeviceID
        if ($LASTEXITCODE -notin 0, 3010) {
            throw "pnputil could not remove '$Name' (status $LASTEXITCODE): $($answer -join ' ')"
        }
        Write-Information -MessageData "removed: adapter $Name" -InformationAction Continue
    }
}
